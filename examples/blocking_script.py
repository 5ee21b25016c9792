"""A script without async: one job, many jobs, a time limit, and errors."""

import quantumjobs.blocking as qj


def circuit(angle, qubits=1):
    return f"""
    OPENQASM 3.0; include "stdgates.inc";
    qubit[{qubits}] q; bit[{qubits}] c;
    {" ".join(f"ry({angle}) q[{at}];" for at in range(qubits))}
    {" ".join(f"cx q[{at}], q[{at + 1}];" for at in range(qubits - 1)) * 200}
    c = measure q;
    """


client = qj.Client()
aer = client.backend("aer")

job = aer.run(circuit(3.14159), shots=100)
print("one:", job.result().counts)

jobs = [aer.run(circuit(step / 4), shots=1000, name=f"{step / 4:.2f}") for step in range(13)]
for done in qj.as_completed(jobs):
    ones = done.result().probabilities.get("1", 0.0)
    if ones > 0.95:
        print(f"angle {done.name}: {ones:.0%} ones")

slow = aer.run(circuit(0.5, qubits=23))
try:
    slow.result(timeout=0.5, on_timeout="cancel")
except qj.ResultTimeout as late:
    print(f"no result after half a second; cancel: {late.cancel}")
try:
    slow.result()
except qj.JobCancelled as error:
    print(f"{type(error).__name__}: job {error.job.state}")
