//! The system calls that programs in an environment cannot make, as a program for the kernel.
//!
//! The list follows that of Docker: what changes mounts, namespaces, the kernel or its clock, what
//! reads keys, and interfaces with a history of errors. A rejected call fails with "operation not
//! permitted". `bwrap` reads the program from a file.

/// The number of this machine's architecture for the kernel; `None` where no filter is written.
const ARCHITECTURE: Option<u32> = if cfg!(all(target_arch = "x86_64", target_pointer_width = "64")) {
    Some(0xc000_003e)
} else if cfg!(all(target_arch = "aarch64", target_endian = "little")) {
    Some(0xc000_00b7)
} else {
    None
};

/// Calls of the x32 interface of x86-64 have this bit.
const X32: u32 = 0x4000_0000;

/// The calls that are rejected.
const REJECTED: [libc::c_long; 38] = [
    libc::SYS_acct,
    libc::SYS_add_key,
    libc::SYS_adjtimex,
    libc::SYS_bpf,
    libc::SYS_clock_adjtime,
    libc::SYS_clock_settime,
    libc::SYS_delete_module,
    libc::SYS_finit_module,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fsopen,
    libc::SYS_fspick,
    libc::SYS_init_module,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    libc::SYS_io_uring_setup,
    libc::SYS_kexec_file_load,
    libc::SYS_kexec_load,
    libc::SYS_keyctl,
    libc::SYS_mount,
    libc::SYS_mount_setattr,
    libc::SYS_move_mount,
    libc::SYS_open_by_handle_at,
    libc::SYS_open_tree,
    libc::SYS_perf_event_open,
    libc::SYS_pivot_root,
    libc::SYS_quotactl,
    libc::SYS_reboot,
    libc::SYS_request_key,
    libc::SYS_setns,
    libc::SYS_settimeofday,
    libc::SYS_swapoff,
    libc::SYS_swapon,
    libc::SYS_syslog,
    libc::SYS_umount2,
    libc::SYS_unshare,
    libc::SYS_userfaultfd,
    libc::SYS_vhangup,
];

/// The calls that are also rejected in a hardened environment: those that read or change another
/// process, or the way in which the kernel runs this one.
const REJECTED_IF_HARDENED: [libc::c_long; 5] = [
    libc::SYS_personality,
    libc::SYS_pidfd_getfd,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_ptrace,
];

/// The kinds of sockets that are also rejected there: of the kernel's ciphers, of virtual machines
/// and of whole packets.
const REJECTED_SOCKETS: [u32; 3] = [38, 40, 17];

/// The flags of `clone` that create namespaces: mounts, control groups, names, IPC, users,
/// processes, networks.
const NAMESPACES: u32 = 0x7e02_0000;

/// The request that types into a terminal.
const TYPE_INTO: u32 = 0x5412;

/// Where the kernel puts the parts of a call.
const NUMBER: u32 = 0;
const ARCH: u32 = 4;
const FIRST_ARGUMENT: u32 = 16;
const SECOND_ARGUMENT: u32 = 24;

/// The operations of the kernel's filter programs.
const LOAD: u16 = 0x20;
const IF_EQUAL: u16 = 0x15;
const IF_AT_LEAST: u16 = 0x35;
const IF_ANY_BIT: u16 = 0x45;
const RETURN: u16 = 0x06;

const ALLOW: u32 = 0x7fff_0000;
/// With the error EPERM.
const REJECT: u32 = 0x0005_0001;
/// With the error ENOSYS; a program then tries the older call.
const UNKNOWN: u32 = 0x0005_0026;

/// The filter, as `bwrap` reads it; `None` on an architecture without one.
pub(super) fn filter(is_hardened: bool) -> Option<Vec<u8>> {
    let mut program = Program::default();
    program.load(ARCH);
    program.unless_equal(ARCHITECTURE?, UNKNOWN);
    program.load(NUMBER);
    if cfg!(target_arch = "x86_64") {
        program.if_at_least(X32, UNKNOWN);
    }
    for call in REJECTED {
        program.if_equal(number(call), REJECT);
    }
    if is_hardened {
        for call in REJECTED_IF_HARDENED {
            program.if_equal(number(call), REJECT);
        }
        program.if_first_argument(number(libc::SYS_socket), &REJECTED_SOCKETS);
    }
    // Its flags are in memory, where a filter cannot look.
    program.if_equal(number(libc::SYS_clone3), UNKNOWN);
    program.if_argument(number(libc::SYS_clone), FIRST_ARGUMENT, IF_ANY_BIT, NAMESPACES);
    program.if_argument(number(libc::SYS_ioctl), SECOND_ARGUMENT, IF_EQUAL, TYPE_INTO);
    program.push(RETURN, 0, 0, ALLOW);
    Some(program.0)
}

fn number(call: libc::c_long) -> u32 {
    u32::try_from(call).unwrap_or(u32::MAX)
}

/// Instructions, as the kernel has them in memory.
#[derive(Default)]
struct Program(Vec<u8>);

impl Program {
    fn push(&mut self, operation: u16, then: u8, otherwise: u8, value: u32) {
        self.0.extend(operation.to_ne_bytes());
        self.0.extend([then, otherwise]);
        self.0.extend(value.to_ne_bytes());
    }

    fn load(&mut self, offset: u32) {
        self.push(LOAD, 0, 0, offset);
    }

    fn unless_equal(&mut self, value: u32, result: u32) {
        self.push(IF_EQUAL, 1, 0, value);
        self.push(RETURN, 0, 0, result);
    }

    fn if_equal(&mut self, value: u32, result: u32) {
        self.push(IF_EQUAL, 0, 1, value);
        self.push(RETURN, 0, 0, result);
    }

    fn if_at_least(&mut self, value: u32, result: u32) {
        self.push(IF_AT_LEAST, 0, 1, value);
        self.push(RETURN, 0, 0, result);
    }

    /// Rejects a call with such an argument, and allows all others of it.
    fn if_argument(&mut self, call: u32, argument: u32, condition: u16, value: u32) {
        self.push(IF_EQUAL, 0, 4, call);
        self.load(argument);
        self.push(condition, 0, 1, value);
        self.push(RETURN, 0, 0, REJECT);
        self.push(RETURN, 0, 0, ALLOW);
    }

    /// Rejects a call whose first argument is one of these, and allows all others of it.
    fn if_first_argument(&mut self, call: u32, values: &[u32]) {
        let rest = u8::try_from(2 * values.len() + 2).unwrap_or(u8::MAX);
        self.push(IF_EQUAL, 0, rest, call);
        self.load(FIRST_ARGUMENT);
        for value in values {
            self.if_equal(*value, REJECT);
        }
        self.push(RETURN, 0, 0, ALLOW);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The value that the kernel would return for a call.
    fn run(program: &[u8], arch: u32, number: u32, arguments: [u32; 2]) -> u32 {
        let (mut at, mut value) = (0, 0);
        loop {
            let one = &program[8 * at..8 * at + 8];
            let operation = u16::from_ne_bytes([one[0], one[1]]);
            let k = u32::from_ne_bytes([one[4], one[5], one[6], one[7]]);
            let taken = match operation {
                LOAD => {
                    value = match k {
                        NUMBER => number,
                        ARCH => arch,
                        FIRST_ARGUMENT => arguments[0],
                        SECOND_ARGUMENT => arguments[1],
                        other => panic!("{other}"),
                    };
                    at += 1;
                    continue;
                }
                RETURN => return k,
                IF_EQUAL => value == k,
                IF_AT_LEAST => value >= k,
                IF_ANY_BIT => value & k != 0,
                other => panic!("{other:x}"),
            };
            at += 1 + usize::from(if taken { one[2] } else { one[3] });
        }
    }

    #[test]
    fn filter_rejects_what_its_list_has() {
        let Some(arch) = ARCHITECTURE else {
            assert!(filter(false).is_none());
            return;
        };
        let program = filter(false).unwrap();
        let ask = |call: libc::c_long, arguments| run(&program, arch, number(call), arguments);
        for call in REJECTED {
            assert_eq!(ask(call, [0, 0]), REJECT, "{call}");
        }
        for call in [
            libc::SYS_read,
            libc::SYS_execve,
            libc::SYS_ptrace,
            libc::SYS_chroot,
        ] {
            assert_eq!(ask(call, [0, 0]), ALLOW, "{call}");
        }
        assert_eq!(ask(libc::SYS_clone3, [0, 0]), UNKNOWN);
        let user = u32::try_from(libc::CLONE_NEWUSER).unwrap();
        assert_eq!(ask(libc::SYS_clone, [user | 17, 0]), REJECT);
        assert_eq!(ask(libc::SYS_clone, [17, user]), ALLOW);
        assert_eq!(ask(libc::SYS_ioctl, [0, TYPE_INTO]), REJECT);
        assert_eq!(ask(libc::SYS_ioctl, [TYPE_INTO, 0x5401]), ALLOW);
        assert_eq!(
            run(&program, arch ^ 1, 0, [0, 0]),
            UNKNOWN,
            "another architecture"
        );
        if cfg!(target_arch = "x86_64") {
            assert_eq!(run(&program, arch, X32, [0, 0]), UNKNOWN);
        }
        assert!(program.len() < 4096 * 8, "the kernel takes 4096 instructions");
    }

    #[test]
    fn hardened_filter_rejects_more() {
        let Some(arch) = ARCHITECTURE else {
            return;
        };
        let [standard, hardened] = [false, true].map(|is_hardened| filter(is_hardened).unwrap());
        let ask = |program: &[u8], call: libc::c_long, first| run(program, arch, number(call), [first, 0]);
        for call in REJECTED_IF_HARDENED {
            assert_eq!(ask(&standard, call, 0), ALLOW, "{call}");
            assert_eq!(ask(&hardened, call, 0), REJECT, "{call}");
        }
        for family in REJECTED_SOCKETS {
            assert_eq!(ask(&standard, libc::SYS_socket, family), ALLOW, "{family}");
            assert_eq!(ask(&hardened, libc::SYS_socket, family), REJECT, "{family}");
        }
        for call in [libc::SYS_socket, libc::SYS_read, libc::SYS_clone] {
            assert_eq!(ask(&hardened, call, 2), ALLOW, "{call}");
        }
        let user = u32::try_from(libc::CLONE_NEWUSER).unwrap();
        assert_eq!(ask(&hardened, libc::SYS_clone, user), REJECT);
        assert_eq!(ask(&hardened, libc::SYS_clone3, 0), UNKNOWN);
        for call in REJECTED {
            assert_eq!(ask(&hardened, call, 0), REJECT, "{call}");
        }
    }
}
