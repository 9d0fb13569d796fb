"""What is asked and read of OpenVINO's devices: properties, what was executed, and where."""
