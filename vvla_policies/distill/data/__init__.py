"""Demonstrations as training reads them.

sources        demonstrations of one instruction, whatever their layout
cache          their pictures at a model's size, and their numbers, unpacked once
dataset        windows of LIBERO's files as a map-style dataset, for a loop of one's own
batches        whole batches of windows out of the cache, for `vvla train`
moments        when something moves, and when the gripper opens or closes
augmentation   pictures shifted, or in another light
"""
