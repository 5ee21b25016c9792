"""Amazon Braket: quantum tasks on its simulators and QPUs."""
