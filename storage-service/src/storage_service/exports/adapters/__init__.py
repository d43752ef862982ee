"""What exports reach outside the process: the renderer process and the forecast service."""
