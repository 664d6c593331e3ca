"""Running episodes, in the order in which a request comes through.

request       what the user asks for
evaluate      from a request to a run folder with records
preparation   suites, scenes and episodes of a request; what does not fit is found out here
plan          the list of episodes
schedule      which episode next
crew          who runs them: this machine, or those of a cluster (`cluster/`, on Ray)
engine        slots refilled as episodes end, questions to the policy in batches
slots         where an environment runs: a process of its own, or this one
worker        what runs there: one environment, told what to do message by message
transport     observations through shared memory
hosting       the policy: one memory, or one instance, for each episode
interrupts    Ctrl-C and SIGTERM
"""
