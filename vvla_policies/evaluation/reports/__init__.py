"""What people look at, made from records.

tables            success rates: terminal, Markdown, CSV, LaTeX
contrast_tables   comparisons, likewise
pages             Markdown, and HTML from `templates/`
charts            SVG for pages
leaderboard       what was measured here, and what papers report
published         the numbers from papers
report            a page about runs
videos            of recorded episodes, and contact sheets of them
captions          pictures side by side under a caption
"""
