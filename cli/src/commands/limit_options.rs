//! The options of resource limits: of `run`, `create` and `update`.

use clap::Args;
use isolation::{MemorySwap, ResourceLimits, Ulimit};

use crate::parse;

/// Limits that can be set at any time.
#[derive(Debug, Default, Args)]
pub(crate) struct LimitOptions {
    /// Memory limit: bytes, or 512m, 2g; 0 removes the limit of the configuration, too
    #[arg(long, short, value_name = "SIZE", value_parser = parse::size_limit)]
    #[arg(allow_negative_numbers = true)]
    memory: Option<u64>,
    /// Limit of memory and swap together; -1 is unlimited [default: the memory limit]
    #[arg(long, value_name = "SIZE", allow_negative_numbers = true)]
    memory_swap: Option<MemorySwap>,
    /// CPU limit: 0.5 is half of one CPU; 0 removes the default limit
    #[arg(long, value_name = "N", value_parser = parse::cpu_limit)]
    #[arg(allow_negative_numbers = true)]
    cpus: Option<f64>,
    /// The CPUs to run on: 0-2,7
    #[arg(long, value_name = "LIST")]
    cpuset_cpus: Option<String>,
    /// Limit of the number of processes; 0 or -1 removes the default limit
    #[arg(long = "pids-limit", id = "pids", alias = "pids", value_name = "N")]
    #[arg(value_parser = parse::count_limit)]
    #[arg(allow_negative_numbers = true)]
    pids: Option<u64>,
    /// Weight of block I/O relative to other environments, 10 to 1000
    #[arg(long, value_name = "N")]
    blkio_weight: Option<u16>,
}

impl LimitOptions {
    /// Sets the given limits.
    pub(crate) fn fill(&self, limits: &mut ResourceLimits) {
        // The swap limit of a specification file belongs to the memory limit of that file.
        if self.memory.is_some() {
            limits.memory_swap = None;
        }
        limits.memory = over(self.memory, limits.memory, 0);
        limits.memory_swap = self.memory_swap.or(limits.memory_swap);
        limits.cpus = over(self.cpus, limits.cpus, 0.0);
        limits.pids = over(self.pids, limits.pids, 0);
        limits.block_io.weight = self.blkio_weight.or(limits.block_io.weight);
        if self.cpuset_cpus.is_some() {
            limits.cpuset_cpus.clone_from(&self.cpuset_cpus);
        }
    }

    /// The limits that are switched off, as a configuration writes them: with 0.
    pub(crate) fn lifted(&self) -> ResourceLimits {
        ResourceLimits {
            memory: self.memory.filter(|limit| *limit == 0),
            cpus: self.cpus.filter(|limit| *limit == 0.0),
            pids: self.pids.filter(|limit| *limit == 0),
            ..ResourceLimits::default()
        }
    }
}

/// The limit of an option before that of a specification file; `none` stands for no limit.
fn over<T: PartialEq + Copy>(option: Option<T>, of_file: Option<T>, none: T) -> Option<T> {
    option.or(of_file).filter(|limit| *limit != none)
}

/// Limits that can be set only for a new environment.
#[derive(Debug, Default, Args)]
pub(crate) struct CreationLimitOptions {
    /// Limit of the size of its files: bytes, or 1g; 0 removes the default limit
    #[arg(long, value_name = "SIZE", value_parser = parse::size_limit)]
    disk: Option<u64>,
    /// Size of /dev/shm [default: 64m]
    #[arg(long, value_name = "SIZE", value_parser = parse::size)]
    shm_size: Option<u64>,
    /// Limit of each process: nofile=1024, or nofile=1024:2048; may be repeated
    #[arg(long, value_name = "NAME=SOFT[:HARD]", value_parser = ulimit)]
    ulimit: Vec<(String, Ulimit)>,
    /// Limit of reads from a block device, in bytes per second; may be repeated
    #[arg(long, value_name = "DEVICE:SIZE", value_parser = device_bytes)]
    device_read_bps: Vec<(String, u64)>,
    /// Limit of writes to a block device, in bytes per second; may be repeated
    #[arg(long, value_name = "DEVICE:SIZE", value_parser = device_bytes)]
    device_write_bps: Vec<(String, u64)>,
    /// Limit of reads from a block device, in operations per second; may be repeated
    #[arg(long, value_name = "DEVICE:N", value_parser = device_operations)]
    device_read_iops: Vec<(String, u64)>,
    /// Limit of writes to a block device, in operations per second; may be repeated
    #[arg(long, value_name = "DEVICE:N", value_parser = device_operations)]
    device_write_iops: Vec<(String, u64)>,
}

impl CreationLimitOptions {
    /// Sets the given limits.
    pub(crate) fn fill(&self, limits: &mut ResourceLimits) {
        limits.disk = over(self.disk, limits.disk, 0);
        limits.shm_size = self.shm_size.or(limits.shm_size);
        limits.ulimits.extend(self.ulimit.iter().cloned());
        let block_io = &mut limits.block_io;
        block_io.read_bps.extend(self.device_read_bps.iter().cloned());
        block_io.write_bps.extend(self.device_write_bps.iter().cloned());
        block_io.read_iops.extend(self.device_read_iops.iter().cloned());
        block_io.write_iops.extend(self.device_write_iops.iter().cloned());
    }
}

impl CreationLimitOptions {
    /// Adds the limits that are switched off.
    pub(crate) fn lift(&self, lifted: &mut ResourceLimits) {
        lifted.disk = self.disk.filter(|limit| *limit == 0);
    }
}

fn ulimit(text: &str) -> Result<(String, Ulimit), String> {
    let (name, limit) = text
        .split_once('=')
        .ok_or_else(|| format!("{text:?} is not a ulimit; write nofile=1024, or nofile=1024:2048"))?;
    let limit = limit
        .parse()
        .map_err(|error: isolation::Error| error.to_string())?;
    Ok((name.to_owned(), limit))
}

fn device(text: &str) -> Result<(String, &str), String> {
    let (device, rate) = text
        .rsplit_once(':')
        .ok_or_else(|| format!("{text:?} has no rate; write /dev/sda:10m"))?;
    Ok((device.to_owned(), rate))
}

fn device_bytes(text: &str) -> Result<(String, u64), String> {
    let (device, rate) = device(text)?;
    Ok((device, parse::size(rate)?))
}

fn device_operations(text: &str) -> Result<(String, u64), String> {
    let (device, rate) = device(text)?;
    let rate = rate.parse().ok().filter(|rate| *rate > 0);
    Ok((
        device,
        rate.ok_or("write a number of operations per second: /dev/sda:100")?,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Both {
        #[command(flatten)]
        limits: LimitOptions,
        #[command(flatten)]
        creation: CreationLimitOptions,
    }

    fn parse(line: &str) -> Result<ResourceLimits, String> {
        let both = Both::try_parse_from(line.split(' ')).map_err(|error| error.to_string())?;
        let mut limits = ResourceLimits::default();
        both.limits.fill(&mut limits);
        both.creation.fill(&mut limits);
        Ok(limits)
    }

    #[test]
    fn options_are_those_of_docker() {
        let line = "x -m 64m --memory-swap -1 --cpus 0.5 --cpuset-cpus 0-1 --pids-limit 9 --shm-size 16m \
                    --ulimit nofile=10:20 --blkio-weight 300 --device-read-bps /dev/sda:1m \
                    --device-write-iops /dev/sda:5 --disk 1g";
        let limits = parse(line).unwrap();
        let expected = r#"{"memory": "64m", "memory_swap": -1, "cpus": 0.5, "cpuset_cpus": "0-1", "pids": 9,
            "shm_size": "16m", "ulimits": {"nofile": "10:20"}, "disk": "1g",
            "block_io": {"weight": 300, "read_bps": {"/dev/sda": "1m"}, "write_iops": {"/dev/sda": 5}}}"#;
        assert_eq!(limits, serde_json::from_str(expected).unwrap());
    }

    #[test]
    fn limit_of_zero_lifts_the_default() {
        let both = Both::try_parse_from("x -m 0 --cpus 0 --pids-limit -1 --disk 0".split(' ')).unwrap();
        let mut limits: ResourceLimits = serde_json::from_str(
            r#"{"memory": "64m", "memory_swap": "65m", "cpus": 1, "pids": 7, "disk": "1g"}"#,
        )
        .unwrap();
        both.limits.fill(&mut limits);
        both.creation.fill(&mut limits);
        assert_eq!(limits, ResourceLimits::default());
        let mut lifted = both.limits.lifted();
        both.creation.lift(&mut lifted);
        let zeros = r#"{"memory": 0, "cpus": 0, "pids": 0, "disk": 0}"#;
        assert_eq!(lifted, serde_json::from_str(zeros).unwrap());
        let some = Both::try_parse_from("x -m 64m".split(' ')).unwrap();
        assert_eq!(some.limits.lifted(), ResourceLimits::default());
    }

    #[test]
    fn invalid_limit_names_a_valid_one() {
        for (line, word) in [
            ("x --ulimit nofile", "nofile=1024"),
            ("x --ulimit nofile=many", "number"),
            ("x --device-read-bps /dev/sda", "/dev/sda:10m"),
            ("x --device-read-iops /dev/sda:0", "/dev/sda:100"),
            ("x --memory-swap lots", "512m"),
        ] {
            let error = parse(line).unwrap_err();
            assert!(error.contains(word), "{line}: {error}");
        }
    }
}
