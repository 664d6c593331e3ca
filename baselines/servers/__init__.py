"""Server scripts of policies whose packages clash with ours; each runs in an environment of its own.

`uv run serve_openpi.py --checkpoint ... --port 8000` reads the script's dependencies from its first lines, makes an
environment for them and serves the policy in openpi's protocol. The scripts import nothing of this package but the
two modules beside them, `endpoint` (the socket) and `conversions` (pictures, grippers, statistics).
"""
