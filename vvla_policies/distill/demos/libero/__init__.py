"""LIBERO's layout of demonstrations: an hdf5 file for each task.

layout       what stands where in a file
files        files of several demonstrations, whole or not at all
recorder     watches LIBERO's environments
shelf        files in their place
inspection   what a file holds
verify       runs a file's demonstrations again
"""
