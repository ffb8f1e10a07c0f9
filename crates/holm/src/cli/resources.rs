//! The options of `holm run` for what a container may use.

use clap::Args;
use holm_engine::options::{Cpus, DeviceRequest, ResourceOptions, RuleRequest, Size, SwapLimit};

#[derive(Debug, Args)]
#[command(next_help_heading = "Limits and devices")]
pub(super) struct ResourceArgs {
    /// The most memory, as in 512m
    #[arg(short, long, value_name = "SIZE")]
    memory: Option<Size>,

    /// The most memory and swap together, or -1 for no limit [default: twice --memory]
    #[arg(long, value_name = "SIZE", allow_negative_numbers = true)]
    memory_swap: Option<SwapLimit>,

    /// The memory that is left to it when others need some
    #[arg(long, value_name = "SIZE")]
    memory_reservation: Option<Size>,

    /// How many CPUs' time, as in 1.5
    #[arg(long, value_name = "NUMBER")]
    cpus: Option<Cpus>,

    /// The share of CPU time when others want it too [default: 1024]
    #[arg(short, long, value_name = "NUMBER")]
    cpu_shares: Option<u64>,

    /// Which CPUs, as in 0-3,7
    #[arg(long, value_name = "LIST")]
    cpuset_cpus: Option<String>,

    /// Which memory nodes
    #[arg(long, value_name = "LIST")]
    cpuset_mems: Option<String>,

    /// How many processes and threads, the init among them; -1 for any number
    #[arg(long, value_name = "NUMBER", allow_negative_numbers = true)]
    pids_limit: Option<i64>,

    /// The weight among others that use the same disks, 10 to 1000
    #[arg(long, value_name = "WEIGHT")]
    blkio_weight: Option<u16>,

    /// Give a device of the host; what may be done with it out of r, w and m (mknod)
    #[arg(long, value_name = "HOST[:CONTAINER][:rwm]")]
    device: Vec<DeviceRequest>,

    /// Allow devices by number, whoever makes the node, as in 'c 10:229 rw'
    #[arg(long, value_name = "RULE")]
    device_cgroup_rule: Vec<RuleRequest>,
}

impl ResourceArgs {
    pub(super) fn into_options(self) -> ResourceOptions {
        ResourceOptions {
            memory: self.memory,
            memory_swap: self.memory_swap,
            memory_reservation: self.memory_reservation,
            cpus: self.cpus,
            cpu_shares: self.cpu_shares,
            cpuset_cpus: self.cpuset_cpus,
            cpuset_mems: self.cpuset_mems,
            pids_limit: self.pids_limit,
            blkio_weight: self.blkio_weight,
            devices: self.device,
            device_rules: self.device_cgroup_rule,
        }
    }
}
