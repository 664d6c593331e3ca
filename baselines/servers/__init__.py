"""Scripts that run in other environments, because their packages clash with ours.

`uv run serve_openpi.py --checkpoint ... --port 8000` reads the script's dependencies from its first lines, makes an
environment for them and serves the policy in openpi's protocol; `export_lerobot.py` writes a LeRobot data set. The
scripts import nothing of this package but the two modules beside them, `endpoint` (the socket) and `conversions`
(pictures, grippers, statistics).
"""
