"""The public tables 合格公示表 and 不合格公示表: a row for each sample of statutory food sampling that was concluded.

Problem samples of risk monitoring and suspicions of rapid tests are no public announcements and never appear here.
"""
