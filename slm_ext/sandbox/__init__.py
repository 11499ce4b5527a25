"""Running a task's commands: in a process group of their own, with an environment that holds no keys.

`commands` starts and ends processes, `interrupts` makes Ctrl-C safe around them, `environment` says what they may see.
"""
