"""Seeded parallel rollouts, their records, and what is made from the records.

    rollouts   running episodes: from a request to the records of its episodes
    records    what a run leaves on the disk, and running it again
    analysis   from records to numbers: scores, intervals, comparisons
    reports    from numbers to what people look at: tables, pages, videos

Nothing is imported upwards: `reports` knows `analysis` and `records`, `analysis` knows `records`, and so does
`rollouts`, which knows nothing of the other two; `records` knows none of them.
"""
