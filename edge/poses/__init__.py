"""Where a camera is and looks at a frame's time, one file each."""
