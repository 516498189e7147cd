//! The default number of workers of a process, from its available memory.

use std::path::{Path, PathBuf};

/// Memory of one worker in bytes: a page of 4 MiB and the prefetched one, each as received and as
/// lines. Larger pages are rare, and half of the memory is left for them.
const WORKER_BYTES: u64 = 16 * 1024 * 1024;
/// Minimum number of workers by default: with fewer, one slow vendor would delay everything.
const WORKERS_MIN: usize = 4;
/// Maximum number of workers by default: more concurrent connections are an operator's choice.
const WORKERS_MAX: usize = 128;
/// Number of workers when the memory is unknown.
const WORKERS_UNKNOWN: usize = 32;

/// The number of workers for half of the memory that this process may use.
pub(crate) fn by_memory() -> usize {
    let memory = memory_bytes(Path::new("/"));
    memory.map_or(WORKERS_UNKNOWN, workers_for)
}

fn workers_for(memory_bytes: u64) -> usize {
    let workers = memory_bytes / 2 / WORKER_BYTES;
    let workers = usize::try_from(workers).unwrap_or(WORKERS_MAX);
    workers.clamp(WORKERS_MIN, WORKERS_MAX)
}

/// The memory of the machine, or a lower limit of this process's control group. `root` is the root
/// of the kernel's files; `None` on systems other than Linux, which have none.
fn memory_bytes(root: &Path) -> Option<u64> {
    let machine = text(root.join("proc/meminfo")).and_then(|text| total_bytes(&text));
    machine.into_iter().chain(limits_bytes(root)).min()
}

/// `MemTotal` of `/proc/meminfo`: <https://docs.kernel.org/filesystems/proc.html>.
fn total_bytes(meminfo: &str) -> Option<u64> {
    let line = meminfo
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kibibytes.checked_mul(1024)
}

/// The limits of this process's control group and its ancestors, of version 2 and of version 1:
/// <https://docs.kernel.org/admin-guide/cgroup-v2.html>.
fn limits_bytes(root: &Path) -> Vec<u64> {
    let groups = text(root.join("proc/self/cgroup")).unwrap_or_default();
    let mut limits = Vec::new();
    for line in groups.lines() {
        let mut fields = line.splitn(3, ':');
        let (_, controllers, Some(group)) = (fields.next(), fields.next(), fields.next()) else {
            continue;
        };
        let (base, file) = match controllers {
            Some("") => ("sys/fs/cgroup", "memory.max"),
            Some(names) if names.split(',').any(|name| name == "memory") => {
                ("sys/fs/cgroup/memory", "memory.limit_in_bytes")
            }
            _ => continue,
        };
        for above in Path::new(group.trim_start_matches('/')).ancestors() {
            let limit = text(root.join(base).join(above).join(file));
            // The text is `max` without a limit.
            limits.extend(limit.and_then(|limit| limit.trim().parse::<u64>().ok()));
        }
    }
    limits
}

fn text(path: PathBuf) -> Option<String> {
    std::fs::read_to_string(path).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1024 * 1024;

    fn machine(files: &[(&str, &str)]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = root.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        root
    }

    #[test]
    fn workers_follow_half_of_memory_within_bounds() {
        assert_eq!(workers_for(0), WORKERS_MIN);
        assert_eq!(workers_for(2 * 4 * 16 * MIB), 4);
        assert_eq!(workers_for(2 * 5 * 16 * MIB), 5);
        assert_eq!(workers_for(2 * 5 * 16 * MIB - 1), 4);
        assert_eq!(workers_for(2 * 128 * 16 * MIB), WORKERS_MAX);
        assert_eq!(workers_for(u64::MAX), WORKERS_MAX);
    }

    #[test]
    fn smallest_cgroup_limit_wins() {
        let meminfo = ("proc/meminfo", "MemTotal:  2097152 kB\nMemFree:  1 kB\n");
        let bytes = |files: &[(&str, &str)]| memory_bytes(machine(files).path());
        assert_eq!(bytes(&[]), None);
        assert_eq!(bytes(&[meminfo]), Some(2048 * MIB));
        let version_2 = [
            meminfo,
            ("proc/self/cgroup", "0::/a.slice/b.service\n"),
            ("sys/fs/cgroup/a.slice/b.service/memory.max", "max\n"),
            ("sys/fs/cgroup/a.slice/memory.max", "536870912\n"),
        ];
        assert_eq!(bytes(&version_2), Some(512 * MIB));
        let version_1 = [
            meminfo,
            ("proc/self/cgroup", "4:cpu,cpuacct:/x\n3:memory:/x\n"),
            (
                "sys/fs/cgroup/memory/x/memory.limit_in_bytes",
                "268435456\n",
            ),
            ("sys/fs/cgroup/cpu/x/memory.limit_in_bytes", "1\n"),
        ];
        assert_eq!(bytes(&version_1), Some(256 * MIB));
        // In a container, the group is the visible root.
        let contained = [
            meminfo,
            ("proc/self/cgroup", "0::/\n"),
            ("sys/fs/cgroup/memory.max", "134217728\n"),
        ];
        assert_eq!(bytes(&contained), Some(128 * MIB));
    }
}
