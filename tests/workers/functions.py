"""What the tests run in workers. Importable there by name, because the program's path is handed over."""

import os
import signal
import sys
import time

from quantumjobs.errors import CredentialError, UsageError


def echo(body):
    return body


def pid(_):
    return str(os.getpid()).encode()


def loaded(body):
    return b"1" if body.decode() in sys.modules else b"0"


def module_file(body):
    return str(sys.modules[body.decode()].__file__).encode()


def about(_):
    tasks = len(os.listdir("/proc/self/task"))
    return repr(
        (os.nice(0), tasks, os.environ.get("OMP_WAIT_POLICY"), signal.getsignal(signal.SIGINT) is signal.SIG_IGN)
    ).encode()


def server_threads(_):
    return str(len(os.listdir(f"/proc/{os.getppid()}/task"))).encode()


def parent(_):
    return str(os.getppid()).encode()


def descriptors(_):
    names = []
    for fd in range(256):
        try:
            names.append(os.readlink(f"/proc/self/fd/{fd}"))
        except FileNotFoundError:
            continue
    return "\n".join(names).encode()


def sleep(body):
    time.sleep(float(body))
    return body


def spin(body):
    """Hold the GIL in compiled code and burn a core, as a simulation does."""
    end = time.monotonic() + float(body)
    while time.monotonic() < end:
        sum(range(10_000_000))
    return b"done"


def simulate(body):
    """Run an Aer simulation of this many qubits, layers and shots."""
    from qiskit import QuantumCircuit
    from qiskit_aer import AerSimulator

    qubits, layers, shots = map(int, body.split())
    circuit = QuantumCircuit(qubits)
    for layer in range(layers):
        for qubit in range(qubits):
            circuit.u(0.1 * layer, 0.2, 0.3, qubit)
        for qubit in range(qubits - 1):
            circuit.cx(qubit, qubit + 1)
    circuit.measure_all()
    result = AerSimulator(max_parallel_threads=1).run(circuit, shots=shots).result()
    return str(sum(result.get_counts().values())).encode()


def append(body):
    """Add a line to a file, to count how often a call was made."""
    path, _, rest = body.decode().partition("|")
    with open(path, "a") as file:
        file.write(f"{rest}\n")
    return b""


def zeros(body):
    return bytes(int(body))


def count(body):
    return str(len(body)).encode()


def fail(body):
    raise ValueError(body.decode())


def misuse(body):
    raise UsageError(body.decode())


def misuse_below(body):
    raise CredentialError(body.decode())


def exhaust(_):
    raise MemoryError("no more")


def leave(_):
    raise SystemExit(4)


class Panic(BaseException):
    def __str__(self):
        raise RuntimeError("no text")


def panic(_):
    raise Panic


def text(_):
    return "text"


def vanish(body):
    os._exit(int(body))


def signal_self(body):
    os.kill(os.getpid(), int(body))
    time.sleep(10)


def steps(body, report):
    for step in range(int(body)):
        report(str(step).encode())
    return b"end"


steps.reports = True


def speak(_):
    print("out")
    print("err", file=sys.stderr)
    os.system("echo loud; echo louder >&2")
    return b""


def draw(_):
    import random

    import numpy as np

    return f"{random.random()} {np.random.random()}".encode()
