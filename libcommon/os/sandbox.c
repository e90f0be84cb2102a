/* The profiles: which system calls each kind of tool may make, and which files it may open. */
#include "os/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/if_tun.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sched.h>
#include <seccomp.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <termios.h>

#include "os/landlock.h"
#include "os/rundir.h"

#define CALLS	16	/* names in a row, at most */
#define PLACES	6	/* that a profile keeps, at most */

#define IN_NET	(1u << SANDBOX_NEGOTIATOR | 1u << SANDBOX_DATAPATH | 1u << SANDBOX_MONITOR)
#define IN_ALL	(1u << SANDBOX_FILTER | 1u << SANDBOX_WRITER | 1u << SANDBOX_READER | 1u << SANDBOX_OPENER | IN_NET)

/* Calls allowed with any arguments, by purpose. Names unknown to libseccomp are skipped. */
static const struct row {
	unsigned	 profiles;
	const char	*calls[CALLS];
} rows[] = {
	{ IN_ALL, { "read", "readv", "pread64", "write", "writev", "pwrite64", "lseek", "_llseek",
	    "close", "fstat", "fstat64", "newfstatat", "fstatat64", "statx", "stat", "stat64" } },
	{ IN_ALL, { "dup", "dup2", "dup3", "fcntl", "fcntl64", "poll", "ppoll", "select", "pselect6",
	    "_newselect", "access", "faccessat", "faccessat2", "readlink", "readlinkat",
	    "getdents64" } },
	{ IN_ALL, { "brk", "munmap", "mremap", "madvise", "mlock", "mlock2", "munlock", "futex",
	    "set_robust_list", "rseq", "membarrier", "sched_yield", "sched_getaffinity",
	    "sysinfo", "getcwd", "umask" } },
	{ IN_ALL, { "rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "sigreturn", "sigaltstack",
	    "restart_syscall", "exit", "exit_group", "getpid", "gettid", "getppid", "getuid",
	    "geteuid", "getgid", "getegid", "uname" } },
	{ IN_ALL, { "clock_gettime", "clock_gettime64", "clock_getres", "clock_nanosleep",
	    "clock_nanosleep_time64", "nanosleep", "gettimeofday", "time", "getrandom",
	    "getrusage", "times" } },
	/* abort() and assert() should end us with the signal that they mean. */
	{ IN_ALL, { "tgkill" } },
	/* A request to the helper that renames a file, and its end. */
	{ 1u << SANDBOX_WRITER, { "fsync", "sendto", "wait4", "waitid" } },
	{ IN_NET, { "epoll_create1", "epoll_ctl", "epoll_wait", "epoll_pwait", "epoll_pwait2",
	    "eventfd2", "timerfd_create", "timerfd_settime", "timerfd_gettime", "signalfd4",
	    "pipe2", "pipe", "setitimer", "wait4", "waitid", "getgroups" } },
	{ IN_NET, { "bind", "connect", "listen", "accept4", "accept", "shutdown", "getsockname",
	    "getpeername", "getsockopt", "setsockopt", "sendto", "sendmsg", "sendmmsg",
	    "recvfrom", "recvmsg", "recvmmsg" } },
	{ 1u << SANDBOX_OPENER, { "sendmsg", "recvmsg" } },
	/* Of a ring that was made before, and only reads (net/tun_ring.h). */
	{ 1u << SANDBOX_DATAPATH, { "io_uring_enter" } },
	{ IN_NET, { "recvmmsg_time64", "fsync", "fdatasync", "ftruncate", "ftruncate64", "fallocate",
	    "rename", "renameat", "renameat2", "unlink", "unlinkat", "mkdir", "mkdirat", "fchmod",
	    "flock", "sync_file_range" } },
	/* Descriptors go to a helper that was forked before, which may have to be ended. */
	{ IN_NET, { "kill", "linkat", "statfs", "fstatfs", "syncfs" } },
};

/* Calls that our code never makes. */
static const char *const never[] = { "execve", "execveat", "ptrace", "process_vm_readv",
	"process_vm_writev", "init_module", "finit_module", "delete_module", "kexec_load", "bpf",
	"perf_event_open", "userfaultfd", "keyctl", "add_key", "request_key", "mount", "umount2",
	"pivot_root", "chroot", "setns", "unshare", "io_uring_setup", "open_by_handle_at",
	"personality", "acct", "reboot", "swapon", "swapoff", "iopl", "ioperm" };

/* Calls that a libc tries first and can do without. */
static const char *const newer[] = { "clone3", "openat2", "close_range", "mseal",
	"map_shadow_stack", "cachestat", "futex_waitv", "fchmodat2" };

struct filter {
	scmp_filter_ctx	ctx;
	int		err;	/* the first, as -errno */
};

static void
add(struct filter *fl, uint32_t action, const char *name, unsigned n,
    const struct scmp_arg_cmp *args)
{
	int nr = seccomp_syscall_resolve_name(name);

	/* Another architecture's call, or newer than libseccomp. */
	if (nr == __NR_SCMP_ERROR || nr < 0 || fl->err != 0)
		return;
	fl->err = seccomp_rule_add_array(fl->ctx, action, nr, n, args);
}

static void
allow_socket(struct filter *fl, int domain, int type)
{
	const struct scmp_arg_cmp args[] = { SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)domain, 0),
	    SCMP_A1(SCMP_CMP_MASKED_EQ, 0xf, (scmp_datum_t)type) };

	add(fl, SCMP_ACT_ALLOW, "socket", 2, args);
}

static void
allow_ioctls(struct filter *fl, const unsigned long *requests, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		const struct scmp_arg_cmp args[] = { SCMP_A1(SCMP_CMP_EQ, requests[i], 0) };

		add(fl, SCMP_ACT_ALLOW, "ioctl", 1, args);
	}
}

/* Memory yes, but none that can be run. */
static void
allow_memory(struct filter *fl)
{
	const struct scmp_arg_cmp no_exec[] = { SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0) };

	add(fl, SCMP_ACT_ALLOW, "mmap", 1, no_exec);
	add(fl, SCMP_ACT_ALLOW, "mmap2", 1, no_exec);
	add(fl, SCMP_ACT_ALLOW, "mprotect", 1, no_exec);
}

static void
allow_open(struct filter *fl, enum sandbox profile)
{
	const struct scmp_arg_cmp reading2[] = { SCMP_A2(SCMP_CMP_MASKED_EQ,
	    O_ACCMODE | O_CREAT | O_TRUNC, O_RDONLY) };
	const struct scmp_arg_cmp reading1[] = { SCMP_A1(SCMP_CMP_MASKED_EQ,
	    O_ACCMODE | O_CREAT | O_TRUNC, O_RDONLY) };
	unsigned n = profile < SANDBOX_NEGOTIATOR ? 1 : 0;

	add(fl, SCMP_ACT_ALLOW, "openat", n, reading2);
	add(fl, SCMP_ACT_ALLOW, "open", n, reading1);
}

#define COUNT(a)	(sizeof(a) / sizeof((a)[0]))

static void
allow_special(struct filter *fl, enum sandbox profile)
{
	static const unsigned long tty[] = { TCGETS, TIOCGWINSZ, FIONREAD };
	static const unsigned long net[] = { FIONBIO, SIOCGIFMTU, SIOCGIFINDEX, SIOCGIFFLAGS,
	    SIOCGIFNAME, SIOCGIFADDR };
	static const unsigned long tun[] = { TUNSETOFFLOAD, TUNSETVNETHDRSZ, TUNGETIFF, TUNSETCARRIER, SIOCSIFMTU,
	    SIOCSIFFLAGS, SIOCSIFADDR, SIOCSIFNETMASK };
	static const unsigned long packet[] = { SIOCGIFHWADDR, SIOCETHTOOL };
	const struct scmp_arg_cmp name[] = { SCMP_A0(SCMP_CMP_EQ, PR_SET_NAME, 0) };
	const struct scmp_arg_cmp thread[] = { SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD | CLONE_VM, CLONE_THREAD | CLONE_VM) };
	const struct scmp_arg_cmp get_limit[] = { SCMP_A2(SCMP_CMP_EQ, 0, 0) };

	allow_memory(fl);
	allow_open(fl, profile);
	add(fl, SCMP_ACT_ALLOW, "prctl", 1, name);
	add(fl, SCMP_ACT_ALLOW, "prlimit64", 1, get_limit);
	allow_ioctls(fl, tty, COUNT(tty));
	if (profile < SANDBOX_NEGOTIATOR)
		return;
	allow_ioctls(fl, net, COUNT(net));
	/* Shared ports: a holder hands a new owner one end of a pair; ports opened later; source addresses. */
	add(fl, SCMP_ACT_ALLOW, "socketpair", 1, (const struct scmp_arg_cmp[]){
	    SCMP_A0(SCMP_CMP_EQ, AF_UNIX, 0) });
	allow_socket(fl, AF_UNIX, SOCK_SEQPACKET);
	allow_socket(fl, AF_INET, SOCK_DGRAM);
	allow_socket(fl, AF_INET6, SOCK_DGRAM);
	/* if_indextoname() and the like */
	allow_socket(fl, AF_UNIX, SOCK_DGRAM);
	if (profile < SANDBOX_DATAPATH)
		return;
	allow_ioctls(fl, tun, COUNT(tun));
	/* A thread, but no process; clone3 has its flags in memory, where a filter does not see them. */
	add(fl, SCMP_ACT_ALLOW, "clone", 1, thread);
	allow_socket(fl, AF_NETLINK, SOCK_RAW);
	allow_socket(fl, AF_NETLINK, SOCK_DGRAM);
	if (profile != SANDBOX_MONITOR)
		return;
	/* The requests of libpcap to a device. */
	allow_ioctls(fl, packet, COUNT(packet));
	allow_socket(fl, AF_PACKET, SOCK_RAW);
	allow_socket(fl, AF_PACKET, SOCK_DGRAM);
}

static bool
built_with_sanitizers(void)
{
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
	return (true);
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(memory_sanitizer) || \
    __has_feature(undefined_behavior_sanitizer)
	return (true);
#else
	return (false);
#endif
#else
	return (false);
#endif
}

/*
 * Closes the file system. Sockets of shared ports and locks are made in the directory of running tools, of the user
 * that the tool is or was. A taken port is looked up in /proc/net; libpcap asks /sys about a device.
 */
static int
close_files(enum sandbox profile, int dir, struct fault *f)
{
	struct landlock_place keep[PLACES];
	char own[PATH_MAX];
	size_t n = 0;

	if (profile == SANDBOX_READER || profile == SANDBOX_OPENER)
		keep[n++] = (struct landlock_place){ .path = "/", .may = LANDLOCK_MAY_READ };
	if (profile >= SANDBOX_NEGOTIATOR) {
		keep[n++] = (struct landlock_place){ .path = "/proc/net", .may = LANDLOCK_MAY_READ };
		keep[n++] = (struct landlock_place){ .path = RUNDIR_ROOT, .may = LANDLOCK_MAY_CHANGE };
		if (rundir_name(own, sizeof(own)) == 0)
			keep[n++] = (struct landlock_place){ .path = own, .may = LANDLOCK_MAY_CHANGE };
	}
	if (profile == SANDBOX_MONITOR)
		keep[n++] = (struct landlock_place){ .path = "/sys", .may = LANDLOCK_MAY_READ };
	if (dir != -1)
		keep[n++] = (struct landlock_place){ .fd = dir, .may = LANDLOCK_MAY_CHANGE };
	return (landlock_enter(keep, n, f));
}

int
sandbox_enter(enum sandbox profile, struct fault *f)
{
	return (sandbox_enter_dir(profile, -1, f));
}

int
sandbox_enter_dir(enum sandbox profile, int dir, struct fault *f)
{
	struct filter fl = {0};
	size_t i, k;

	/* They map executable memory and look at their own process at exit. */
	if (built_with_sanitizers())
		return (1);
	/* Before the filter, which does not allow Landlock's calls. */
	if (close_files(profile, dir, f) == -1)
		return (-1);
	if ((fl.ctx = seccomp_init(SCMP_ACT_ERRNO(EPERM))) == NULL)
		return (fault(f, FAULT_SYSTEM, "cannot make a seccomp filter"));
	allow_special(&fl, profile);
	for (i = 0; i < COUNT(rows); i++)
		for (k = 0; k < CALLS && rows[i].calls[k] != NULL; k++)
			if ((rows[i].profiles & 1u << profile) != 0)
				add(&fl, SCMP_ACT_ALLOW, rows[i].calls[k], 0, NULL);
	for (i = 0; i < COUNT(never); i++)
		add(&fl, SCMP_ACT_KILL_PROCESS, never[i], 0, NULL);
	for (i = 0; i < COUNT(newer); i++)
		add(&fl, SCMP_ACT_ERRNO(ENOSYS), newer[i], 0, NULL);
	/* One lookup in a tree for the calls of the fast path, rather than a long list. */
	(void)seccomp_attr_set(fl.ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	if (fl.err == 0)
		fl.err = seccomp_load(fl.ctx);
	seccomp_release(fl.ctx);
	if (fl.err == -EINVAL || fl.err == -ENOSYS || fl.err == -EOPNOTSUPP)
		return (1);
	if (fl.err != 0) {
		errno = -fl.err;
		return (fault_sys(f, FAULT_SYSTEM, "cannot enter a seccomp filter"));
	}
	return (0);
}
