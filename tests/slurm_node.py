"""A Slurm of one node on loopback, in a temporary folder, with ports and a munge key of its own. The
system's Slurm is not touched. When it closes, no process and no file is left.
"""
import ctypes
import os
import pwd
import re
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time

libc = ctypes.CDLL(None)
PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36

# cred_expire: seconds that a requeued job waits before it starts again. NoInAddrAny: no other address
# than NodeAddr is listened on.
CONF = """\
ClusterName=brisc
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
SlurmUser={user}
SlurmdUser={user}
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
AuthType=auth/munge
CredType=cred/munge
AuthInfo=socket={folder}/munge.socket,cred_expire=5
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
MailProg=/bin/true
MpiDefault=none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SchedulerType=sched/builtin
SchedulerParameters=sched_interval=1,sched_min_interval=100000,batch_sched_delay=0
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
KillWait=5
ReturnToService=2
SlurmdParameters=config_overrides
NodeName={host} NodeAddr=127.0.0.1 CPUs=2 RealMemory=8192
PartitionName=low Nodes={host} PriorityTier=1 Default=YES
PartitionName=high Nodes={host} PriorityTier=2
"""


class CannotStart(Exception):
    pass


def free_ports(count):
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return ports


def descendants(root):
    """Process ids below root, parents first, zombies left out."""
    children = {}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/stat") as stat:
                state, parent = stat.read().rpartition(")")[2].split()[:2]
        except OSError:  # it ended meanwhile
            continue
        if state != "Z":
            children.setdefault(int(parent), []).append(int(pid))
    found = [root]
    for pid in found:
        found += children.get(pid, [])
    return found[1:]


def kill(pids):
    """At once: all stand still before the first one dies, so that none can tell of another's end."""
    for how in (signal.SIGSTOP, signal.SIGKILL):
        for pid in pids:
            try:
                os.kill(pid, how)
            except ProcessLookupError:
                pass


def die_with_parent():
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)


class SlurmNode:
    def __init__(self):
        self.path = os.environ.get("PATH", os.defpath) + ":/usr/sbin:/sbin"
        programs = ["munged", "slurmctld", "slurmd", "sbatch", "scontrol", "sinfo", "scancel"]
        missing = [p for p in programs if not shutil.which(p, path=self.path)]
        if missing:
            raise CannotStart(f"no {', '.join(missing)} (Debian: apt-get install slurm-wlm)")
        self.host = socket.gethostname().split(".")[0]
        self.daemons = {}
        self.folder = tempfile.mkdtemp(prefix="brisc-slurm-")
        os.chmod(self.folder, 0o711)  # munged: others must be able to reach the socket
        self.environment = {k: v for k, v in os.environ.items() if not k.startswith(("SLURM_", "SBATCH_"))}
        self.environment.update(PATH=self.path, SLURM_CONF=f"{self.folder}/slurm.conf")
        # slurmstepd leaves its parent: with this it becomes our child, and is found.
        libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)

    def __enter__(self):
        try:
            self.configure()
            self.start("munged", "--foreground", *(f"--{what}={self.folder}/munge.{name}" for what, name in (
                ("key-file", "key"), ("socket", "socket"), ("pid-file", "pid"), ("log-file", "log"),
                ("seed-file", "seed"))))
            self.wait_for(lambda: os.path.exists(f"{self.folder}/munge.socket"), "munged")
            self.start("slurmctld", "-D")
            self.start("slurmd", "-D")
            self.wait_for(self.idle, "Slurm")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for _ in range(200):  # 10 s
            pids = descendants(os.getpid())
            kill(pids)
            try:
                while os.waitpid(-1, os.WNOHANG)[0]:
                    pass
            except ChildProcessError:
                if not pids:
                    break
            time.sleep(0.05)
        shutil.rmtree(self.folder)

    def configure(self):
        for name in ("state", "spool"):
            os.mkdir(f"{self.folder}/{name}")
        with open(os.open(f"{self.folder}/munge.key", os.O_WRONLY | os.O_CREAT, 0o600), "wb") as key:
            key.write(secrets.token_bytes(128))
        with open(f"{self.folder}/slurm.conf", "w") as conf:
            conf.write(CONF.format(folder=self.folder, host=self.host, ports=free_ports(2),
                                   user=pwd.getpwuid(os.getuid()).pw_name))
        # No cgroups, which a container may lack: "disabled" from 23.11 on; v1 is idle where nothing uses it.
        version = tuple(map(int, re.findall(r"\d+", self.ask("sinfo", "--version"))[:2]))
        with open(f"{self.folder}/cgroup.conf", "w") as conf:
            conf.write(f"CgroupPlugin={'disabled' if version >= (23, 11) else 'cgroup/v1'}\n")

    def start(self, name, *arguments):
        with open(f"{self.folder}/{name}.out", "ab") as out:
            self.daemons[name] = subprocess.Popen(
                [shutil.which(name, path=self.path), *arguments], env=self.environment, cwd=self.folder,
                stdin=subprocess.DEVNULL, stdout=out, stderr=out, preexec_fn=die_with_parent)

    def wait_for(self, ready, what):
        end = time.monotonic() + 15
        while not ready():
            for name, daemon in self.daemons.items():
                if daemon.poll() is not None:
                    raise CannotStart(f"{name} ended: {self.complaint(name)}")
            if time.monotonic() > end:
                raise CannotStart(f"{what} does not answer: {self.complaint(list(self.daemons)[-1])}")
            time.sleep(0.05)

    def complaint(self, daemon):
        with open(f"{self.folder}/{daemon}.out") as out:
            lines = out.read().splitlines() or ["it said nothing"]
        return next((line for line in lines if re.search("error|fatal", line, re.I)), lines[-1])

    def ask(self, *command):
        """What a command prints; an empty string where it fails."""
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, timeout=60)
        return done.stdout.strip() if done.returncode == 0 else ""

    def idle(self):
        return self.ask("sinfo", "-h", "-p", "low", "-o", "%t") == "idle"

    def job(self, number):
        """`scontrol show job` as a dictionary: JobState, Restarts, ExitCode, ..."""
        return dict(word.partition("=")[::2] for word in self.ask("scontrol", "-o", "show", "job", number).split())

    def lose(self):
        """The node dies with all that runs on it; Slurm is told, and it comes back."""
        slurmd = self.daemons.pop("slurmd")
        others = {daemon.pid for daemon in self.daemons.values()}
        theirs = {pid for root in others for pid in descendants(root)}
        kill(set(descendants(os.getpid())) - others - theirs)
        slurmd.wait()
        self.ask("scontrol", "update", f"nodename={self.host}", "state=down", "reason=lost")
        self.start("slurmd", "-D")
