//! What is allowed and what is not.

/// What becomes of a system call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// The thread is killed.
    KillThread,
    /// The process is killed.
    KillProcess,
    /// The thread gets `SIGSYS`.
    Trap,
    /// The call fails with this error number.
    Errno(u16),
    /// A tracer is told, with this number; without one the call fails with `ENOSYS`.
    Trace(u16),
    /// It is let through.
    Allow,
    /// It is let through, and logged.
    Log,
    /// Who holds the filter's listener decides.
    Notify,
}

impl Action {
    /// The value that a program returns for it (seccomp(2), "Filters").
    pub(crate) fn value(self) -> u32 {
        match self {
            Self::KillThread => 0x0000_0000,
            Self::KillProcess => 0x8000_0000,
            Self::Trap => 0x0003_0000,
            Self::Errno(number) => 0x0005_0000 | u32::from(number),
            Self::Trace(number) => 0x7ff0_0000 | u32::from(number),
            Self::Allow => 0x7fff_0000,
            Self::Log => 0x7ffc_0000,
            Self::Notify => 0x7fc0_0000,
        }
    }

    /// Whether a call that nobody knows yet may go to the kernel, or to a tracer that knows what to do.
    pub(crate) fn is_permissive(self) -> bool {
        matches!(self, Self::Allow | Self::Log | Self::Trace(_))
    }
}

/// An architecture with its own numbers of system calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Arch {
    /// amd64.
    X86_64,
    /// i386.
    X86,
    /// amd64 with 32-bit pointers.
    X32,
    /// arm64.
    Aarch64,
    /// 32-bit ARM, EABI.
    Arm,
}

impl Arch {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::X86_64, Self::X86, Self::X32, Self::Aarch64, Self::Arm];

    /// The one that this program is built for; `None` where it is none of these.
    pub const fn native() -> Option<Self> {
        if cfg!(target_arch = "x86_64") {
            Some(Self::X86_64)
        } else if cfg!(target_arch = "aarch64") {
            Some(Self::Aarch64)
        } else {
            None
        }
    }

    /// `AUDIT_ARCH_*`, which a filter sees. That of x32 is amd64's.
    pub const fn audit(self) -> u32 {
        match self {
            Self::X86_64 | Self::X32 => 0xc000_003e,
            Self::X86 => 0x4000_0003,
            Self::Aarch64 => 0xc000_00b7,
            Self::Arm => 0x4000_0028,
        }
    }

    /// Whether arguments have 64 bits. Those of x32 count as 32, as its longs have.
    pub(crate) const fn is_wide(self) -> bool {
        matches!(self, Self::X86_64 | Self::Aarch64)
    }
}

/// How an argument is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Operator {
    /// It is not the value.
    NotEqual,
    /// It is less.
    Less,
    /// It is less, or the value.
    LessEqual,
    /// It is the value.
    Equal,
    /// It is greater, or the value.
    GreaterEqual,
    /// It is greater.
    Greater,
    /// Its bits under this mask are the value.
    MaskedEqual(u64),
}

/// One comparison of an argument, unsigned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Condition {
    /// Which argument, 0 to 5.
    pub index: u8,
    /// How it is compared.
    pub operator: Operator,
    /// With what.
    pub value: u64,
}

/// What becomes of some system calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// Their names.
    pub names: Vec<String>,
    /// What becomes of them.
    pub action: Action,
    /// When; always where there is none.
    pub conditions: Vec<Condition>,
}

/// All that a filter does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    /// What becomes of a call that no rule is about.
    pub default_action: Action,
    /// Architectures beyond the native one.
    pub architectures: Vec<Arch>,
    /// The rules.
    pub rules: Vec<Rule>,
}

impl Profile {
    /// Whether anything goes to the listener of the filter.
    pub fn notifies(&self) -> bool {
        self.rules.iter().any(|rule| rule.action == Action::Notify) || self.default_action == Action::Notify
    }
}
