//! What the docker command makes of a sample: percentages and totals.

use super::{BlkioEntry, Stats};

impl Stats {
    /// Use of the processors since the sample before, in percent of one processor.
    ///
    /// 0 when the container does not run. Without a sample before, as in the first of a stream and in a
    /// one-shot, it is the average since the host's start, as the docker command shows it: wait for the second
    /// sample to know what is used now.
    pub fn cpu_percent(&self) -> f64 {
        if self.is_windows() {
            return self.cpu_percent_windows();
        }
        let (now, before) = (&self.cpu_stats, &self.precpu_stats);
        let used = now
            .cpu_usage
            .total_usage
            .saturating_sub(before.cpu_usage.total_usage);
        let passed = now.system_cpu_usage.saturating_sub(before.system_cpu_usage);
        let processors = match now.online_cpus {
            0 => now.cpu_usage.percpu_usage.len() as f64,
            online => f64::from(online),
        };
        if passed == 0 {
            return 0.0;
        }
        used as f64 / passed as f64 * processors * 100.0
    }

    /// Use of all processors together, in percent of them: Windows counts so.
    fn cpu_percent_windows(&self) -> f64 {
        let Some(passed) = nanos(&self.read).zip(nanos(&self.preread)).map(|(a, b)| a - b) else {
            return 0.0;
        };
        let possible = passed / 100 * i128::from(self.num_procs);
        let (now, before) = (&self.cpu_stats.cpu_usage, &self.precpu_stats.cpu_usage);
        let used = now.total_usage.saturating_sub(before.total_usage);
        if possible <= 0 {
            0.0
        } else {
            used as f64 / possible as f64 * 100.0
        }
    }

    /// Bytes of memory in use, without the cache of files that the kernel could give back.
    pub fn memory_usage(&self) -> u64 {
        let memory = &self.memory_stats;
        if self.is_windows() {
            return memory.privateworkingset;
        }
        // cgroup v1, then cgroup v2
        ["total_inactive_file", "inactive_file"]
            .iter()
            .filter_map(|key| memory.stats.get(*key))
            .find(|cache| **cache < memory.usage)
            .map_or(memory.usage, |cache| memory.usage - cache)
    }

    /// [`Stats::memory_usage`] in percent of the limit; 0 when there is no limit to compare with.
    pub fn memory_percent(&self) -> f64 {
        match self.memory_stats.limit {
            0 => 0.0,
            limit => self.memory_usage() as f64 / limit as f64 * 100.0,
        }
    }

    /// Bytes received and sent on all networks.
    pub fn network_io(&self) -> (u64, u64) {
        self.networks.values().fold((0, 0), |(rx, tx), network| {
            (
                rx.saturating_add(network.rx_bytes),
                tx.saturating_add(network.tx_bytes),
            )
        })
    }

    /// Bytes read from and written to block devices.
    pub fn block_io(&self) -> (u64, u64) {
        if self.is_windows() {
            return (
                self.storage_stats.read_size_bytes,
                self.storage_stats.write_size_bytes,
            );
        }
        let sum = |letter: u8| {
            let first =
                |entry: &&BlkioEntry| entry.op.as_bytes().first().map(u8::to_ascii_lowercase) == Some(letter);
            let entries = self.blkio_stats.io_service_bytes_recursive.iter();
            entries
                .filter(first)
                .fold(0u64, |sum, entry| sum.saturating_add(entry.value))
        };
        (sum(b'r'), sum(b'w'))
    }

    fn is_windows(&self) -> bool {
        // Engines before API 1.52 do not say, but count processors here on Windows only.
        match self.os_type.as_str() {
            "" => self.num_procs > 0,
            os => os == "windows",
        }
    }
}

/// A time in RFC 3339 as nanoseconds since 1970; `None` when it is not one.
fn nanos(time: &str) -> Option<i128> {
    let (date, rest) = time.split_at_checked(10)?;
    let mut date = date.splitn(3, '-').map(str::parse::<i64>);
    let (year, month, day) = (date.next()?.ok()?, date.next()?.ok()?, date.next()?.ok()?);
    let clock = rest.get(1..9)?;
    let mut clock = clock.splitn(3, ':').map(str::parse::<i64>);
    let (hour, minute, second) = (clock.next()?.ok()?, clock.next()?.ok()?, clock.next()?.ok()?);
    let rest = rest.get(9..)?;
    let digits = rest.strip_prefix('.').map_or("", |rest| {
        &rest[..rest.bytes().take_while(u8::is_ascii_digit).count()]
    });
    let fraction = format!("{digits:0<9}").get(..9)?.parse::<i64>().ok()?;
    let zone = rest.trim_start_matches(|c: char| c == '.' || c.is_ascii_digit());
    let offset = match zone {
        "Z" | "z" => 0,
        _ => {
            let (hours, minutes) = zone.get(1..6)?.split_once(':')?;
            let minutes = hours.parse::<i64>().ok()? * 60 + minutes.parse::<i64>().ok()?;
            if zone.starts_with('-') { -minutes } else { minutes }
        }
    };
    let seconds = days(year, month, day) * 86_400 + hour * 3_600 + (minute - offset) * 60 + second;
    Some(i128::from(seconds) * 1_000_000_000 + i128::from(fraction))
}

/// Days from 1970-01-01 to a day of the Gregorian calendar; years begin in March, so that leap days end them.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month < 3 { year - 1 } else { year };
    let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::json::decode;

    fn stats(json: &str) -> Stats {
        decode(json.as_bytes()).unwrap()
    }

    #[test]
    fn percentages_on_cgroup_v1_count_processors_by_their_list() {
        let sample = stats(
            r#"{"cpu_stats":{"cpu_usage":{"total_usage":300,"percpu_usage":[200,100]},"system_cpu_usage":3000},
                "precpu_stats":{"cpu_usage":{"total_usage":100},"system_cpu_usage":2000},
                "memory_stats":{"usage":1000,"limit":4000,"stats":{"cache":900,"total_inactive_file":200}},
                "pids_stats":{"limit":18446744073709551615}}"#,
        );
        assert_eq!(sample.cpu_percent(), 40.0);
        assert_eq!((sample.memory_usage(), sample.memory_percent()), (800, 20.0));
        assert_eq!(sample.pids_stats.limit, u64::MAX);
    }

    #[test]
    fn percentages_on_cgroup_v2() {
        let sample = stats(
            r#"{"os_type":"linux","num_procs":0,
                "cpu_stats":{"cpu_usage":{"total_usage":200},"system_cpu_usage":3000,"online_cpus":4},
                "precpu_stats":{"cpu_usage":{"total_usage":100},"system_cpu_usage":2000,"online_cpus":4},
                "memory_stats":{"usage":1000,"limit":4000,"stats":{"inactive_file":1001}},
                "networks":{"eth0":{"rx_bytes":1,"tx_bytes":2},"eth1":{"rx_bytes":3,"tx_bytes":4}},
                "blkio_stats":{"io_service_bytes_recursive":[{"op":"read","value":5},{"op":"Write","value":6},
                {"op":"Read","value":1},{"op":"","value":9}],"io_serviced_recursive":null}}"#,
        );
        assert_eq!(sample.cpu_percent(), 40.0);
        assert_eq!(sample.memory_usage(), 1000); // more cache than use: not subtracted
        assert_eq!((sample.network_io(), sample.block_io()), ((4, 6), (6, 6)));
    }

    #[test]
    fn windows_counts_otherwise() {
        let sample = stats(
            r#"{"num_procs":2,"read":"2024-01-01T00:00:01.5Z","preread":"2024-01-01T02:00:00.500000000+02:00",
                "cpu_stats":{"cpu_usage":{"total_usage":15000000}},
                "precpu_stats":{"cpu_usage":{"total_usage":5000000}},
                "memory_stats":{"privateworkingset":77},"storage_stats":{"read_size_bytes":1,"write_size_bytes":2}}"#,
        );
        assert_eq!(sample.cpu_percent(), 50.0);
        assert_eq!((sample.memory_usage(), sample.block_io()), (77, (1, 2)));
    }

    #[test]
    fn without_a_sample_before_it_is_the_average_since_the_start() {
        let cpu = r#"{"cpu_usage":{"total_usage":300},"system_cpu_usage":3000,"online_cpus":2}"#;
        let percent = |before: &str| {
            let sample = format!(r#"{{"cpu_stats":{cpu},"precpu_stats":{before}}}"#);
            stats(&sample).cpu_percent()
        };
        for before in ["null", "{}", r#"{"cpu_usage":{"total_usage":0}}"#] {
            assert_eq!(percent(before), 20.0, "{before}");
        }
        let later = r#"{"cpu_usage":{"total_usage":400},"system_cpu_usage":2000}"#;
        for before in [cpu, later] {
            assert_eq!(percent(before), 0.0, "{before}");
        }
        assert_eq!(stats(&format!(r#"{{"cpu_stats":{cpu}}}"#)).cpu_percent(), 20.0);
        let windows = stats(r#"{"os_type":"windows","num_procs":2,"read":"2024-01-01T00:00:01Z"}"#);
        assert_eq!(windows.cpu_percent(), 0.0);
    }

    #[test]
    fn of_both_kinds_of_cache_the_first_that_fits_is_left_out() {
        let sample = |caches: &str| {
            stats(&format!(
                r#"{{"memory_stats":{{"usage":1000,"stats":{caches}}}}}"#
            ))
        };
        for (caches, used) in [
            (r#"{"total_inactive_file":300,"inactive_file":200}"#, 700),
            (r#"{"total_inactive_file":1000,"inactive_file":200}"#, 800),
            (r#"{"cache":900}"#, 1000),
            ("null", 1000),
        ] {
            assert_eq!(sample(caches).memory_usage(), used, "{caches}");
        }
    }

    #[test]
    fn a_container_that_does_not_run_uses_nothing() {
        let sample = stats(
            r#"{"read":"0001-01-01T00:00:00Z","preread":"0001-01-01T00:00:00Z","pids_stats":{},"networks":null,
                "cpu_stats":{"cpu_usage":{"total_usage":0},"throttling_data":{}},"memory_stats":{},"num_procs":0}"#,
        );
        assert_eq!((sample.cpu_percent(), sample.memory_percent()), (0.0, 0.0));
        assert_eq!(
            (sample.memory_usage(), sample.network_io(), sample.block_io()),
            (0, (0, 0), (0, 0))
        );
    }

    #[test]
    fn times_of_all_forms_are_read() {
        assert_eq!(nanos("1970-01-01T00:00:00Z"), Some(0));
        assert_eq!(nanos("2000-03-01T00:00:00.25Z"), Some(951_868_800_250_000_000));
        assert_eq!(nanos("0001-01-01T00:00:00Z"), Some(-62_135_596_800_000_000_000));
        for wrong in [
            "",
            "2000-03-01",
            "2000-03-01T00:00:00",
            "日本語日本語日本語日本語",
        ] {
            assert_eq!(nanos(wrong), None, "{wrong}");
        }
    }
}
