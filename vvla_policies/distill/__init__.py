"""Teaching from demonstrations: how they are made (`demos`), read (`data`) and asked about (`lessons`), and training.

recipe      what a training is: stage, preset, numbers; the files are in `recipes/`
networks    the learner of a stage, and what it starts from
compilation its blocks compiled
objectives  its losses
auxiliary   what it shall be able to tell besides
features    a teacher's answers, made once
rollouts    success rates meanwhile
trainer     transformers.Trainer with all of this
train       `vvla train`: one stage from recipe to checkpoint
pace        how long it takes on this machine
pipeline    `vvla distill`: all stages, and the table of what they bring
"""
