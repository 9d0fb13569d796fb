"""What a report is to answer: claims, goals, and an earlier run to compare with."""
