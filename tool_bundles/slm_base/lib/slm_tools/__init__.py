"""What the tool executables share: files, symbols, edits, test reports, patches, and the text an agent sees.

Standard library only, Python 3.8 or newer: this package runs with the python of the task, not with slm-ext's.
Every public function returns one dict, the typed result; `render.visible` turns it into the text an agent reads.
"""

# Raised whenever the text an agent sees changes for the same input. Part of the hash that models are trained with.
OUTPUT_VERSION = 1
