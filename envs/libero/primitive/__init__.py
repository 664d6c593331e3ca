"""Primitive assets: a full, self-made replacement of LIBERO's asset folder.

Everything is generated from a few boxes, lathes and painted textures: no download, no copied file. Names of bodies,
joints and sites, masses and outer sizes agree with the official assets, so LIBERO's task files, initial states and
success predicates run unchanged.
"""
