"""What the measuring parent does: plan launches, start them in interleaved rounds, and judge what they gave."""
