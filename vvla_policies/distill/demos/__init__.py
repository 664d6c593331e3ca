"""Making demonstrations: an expert's successful episodes, written in the benchmark's own file layout.

    attempts     which episodes are run until every task has enough successes
    disturbance  an expert whose hand is pushed now and then
    recording    watching an episode in the worker, and writing it if it succeeds
    parts        where a demonstration is until its task is done
    libero/      LIBERO's layout: an hdf5 file for each task
    calvin/      CALVIN's layout: a file for each frame, and annotations
    shelves      which of the two a suite has
    collect      all of it together
    summary      how the demonstrations of each task came about
    inspection   what a file or folder holds: table and contact sheet
    verify       do the recorded actions lead through the recorded states again?
    findings     what the last two tell
    export       demonstrations for other packages

A folder of demonstrations holds `<suite folder>/<task>_demo.hdf5` or `training/` (whole tasks), and `episodes/`: the
run's records, and in `episodes/parts/` the demonstrations of tasks under way, one file each.
"""
