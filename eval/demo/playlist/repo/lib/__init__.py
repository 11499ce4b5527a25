"""Small helpers around a list of tracks; a track is a pair of title and length in seconds."""
