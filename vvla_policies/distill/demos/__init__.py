"""Making demonstrations: an expert's successful episodes, written in the benchmark's own file layout.

    attempts     which episodes are run until every task has enough successes
    disturbance  an expert whose hand is pushed now and then
    recorder     watches an episode in the worker; draws and writes it if it succeeds
    layout       what stands where in a file of LIBERO's
    files        files of several demonstrations, whole or not at all
    calvin_*     the same three for CALVIN's layout
    shelves      which of the two a suite has
    collect      all of it together
    inspection   what a file or folder holds: table and contact sheet
    verify       do the recorded actions lead through the recorded states again?

A folder of demonstrations holds `<suite folder>/<task>_demo.hdf5` or `training/` (whole tasks), and `episodes/`: the
run's records, and in `episodes/parts/` the demonstrations of tasks under way, one file each.
"""
