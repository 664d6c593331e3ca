"""What a run leaves on the disk.

keys       what names an episode, and what its result is a function of
runs       manifest, episode records, and reading a run folder
storage    writing a run folder
merging    shards put together
replay     recorded actions run again
boundary   what policy or simulator raised, as a record holds it
"""
