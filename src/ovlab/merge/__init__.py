"""Results of several hosts or people in one report.

`ovlab.merge.merging.merge` does it: folders of results and bundles are read (`reading`), what is not comparable is
refused (`comparable`), their hosts get distinct names (`labels`), what differs without forbidding a comparison is noted
(`differences`), and records and settings become those of one experiment (`combine`).
"""
