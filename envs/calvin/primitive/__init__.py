"""Primitive assets: a self-made replacement of CALVIN's asset folder.

Table, blocks and floor are boxes, prisms and painted textures; the arm is the one that comes with PyBullet, with longer
fingers of our own. Names and order of links and joints, their places and ranges, sizes and masses agree with the
official assets in every scene, so the same states, tasks and chains run.
"""
