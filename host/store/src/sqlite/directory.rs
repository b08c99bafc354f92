//! Whether a directory is a place where the state may be: local, writable, and nobody else's to write.

use crate::sqlite::error::OpenError;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// Makes sure that the directory of the database at `path` exists and is fit for it, and returns it.
pub(crate) fn prepare(path: &Path) -> Result<PathBuf, OpenError> {
    let directory = directory_of(path);
    refuse_links(path, &directory)?;
    match fs::metadata(&directory) {
        Ok(metadata) if metadata.is_dir() => {
            let mode = metadata.permissions().mode() & 0o777;
            if mode & 0o022 != 0 {
                return Err(OpenError::OpenToOthers { directory, mode });
            }
        }
        Ok(_) => return Err(OpenError::unusable(directory, io::ErrorKind::NotADirectory.into())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            create(&directory, sync).map_err(|error| OpenError::unusable(directory.clone(), error))?;
        }
        Err(error) => return Err(OpenError::unusable(directory, error)),
    }
    refuse_network(&directory)?;
    // SQLite reports a directory that cannot be written much later and without its name.
    if let Err(error) = rustix::fs::access(&directory, rustix::fs::Access::WRITE_OK | rustix::fs::Access::EXEC_OK) {
        return Err(OpenError::unusable(directory, error.into()));
    }
    Ok(directory)
}

/// Refuses a database or a directory that is a link: a repository that somebody clones could point it anywhere.
fn refuse_links(path: &Path, directory: &Path) -> Result<(), OpenError> {
    for place in [directory, path] {
        if fs::symlink_metadata(place).is_ok_and(|metadata| metadata.file_type().is_symlink()) {
            let reason = io::Error::other("it is a symbolic link; name the place that it points to");
            return Err(OpenError::unusable(place.to_owned(), reason));
        }
    }
    Ok(())
}

/// Returns the directory that holds `path`.
pub(crate) fn directory_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    }
}

/// Creates `directory` and those above it. SQLite syncs the directory of a new file, but nobody syncs the entries of
/// the new directories themselves: without it a power cut takes the whole state along.
fn create(directory: &Path, mut sync: impl FnMut(&Path) -> io::Result<()>) -> io::Result<()> {
    let missing: Vec<&Path> = directory
        .ancestors()
        .take_while(|ancestor| !ancestor.as_os_str().is_empty() && !ancestor.exists())
        .collect();
    fs::DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
    missing.into_iter().try_for_each(|new| sync(&directory_of(new)))
}

/// Waits until what is in `directory`, as a list of names, is on the disk.
fn sync(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}

#[cfg(target_os = "linux")]
fn refuse_network(directory: &Path) -> Result<(), OpenError> {
    let statistics =
        rustix::fs::statfs(directory).map_err(|error| OpenError::unusable(directory.to_owned(), error.into()))?;
    let kind = match network_kind(statistics.f_type as u64) {
        FileSystem::Local => return Ok(()),
        FileSystem::Network(kind) => kind.to_owned(),
        FileSystem::Fuse => match fuse_kind(directory) {
            Some(kind) => kind,
            None => return Ok(()),
        },
    };
    Err(OpenError::Network {
        directory: directory.to_owned(),
        kind,
    })
}

#[cfg(not(target_os = "linux"))]
fn refuse_network(_directory: &Path) -> Result<(), OpenError> {
    Ok(())
}

#[cfg(target_os = "linux")]
#[derive(Debug, PartialEq, Eq)]
enum FileSystem {
    Local,
    Network(&'static str),
    Fuse,
}

/// Returns what kind of file system has this magic number (statfs(2), linux/magic.h).
#[cfg(target_os = "linux")]
fn network_kind(magic: u64) -> FileSystem {
    match magic & 0xffff_ffff {
        0x6969 => FileSystem::Network("nfs"),
        0x517b | 0xfe53_4d42 => FileSystem::Network("smb"),
        0xff53_4d42 => FileSystem::Network("cifs"),
        0x564c => FileSystem::Network("ncp"),
        0x5346_414f => FileSystem::Network("afs"),
        0x7375_7245 => FileSystem::Network("coda"),
        0x00c3_6400 => FileSystem::Network("ceph"),
        0x0bd0_0bd0 => FileSystem::Network("lustre"),
        0x0102_1997 => FileSystem::Network("9p"),
        0x6573_5546 => FileSystem::Fuse,
        _ => FileSystem::Local,
    }
}

/// Returns the kind of the FUSE file system of `directory` if it is one that reaches over a network.
#[cfg(target_os = "linux")]
fn fuse_kind(directory: &Path) -> Option<String> {
    let device = rustix::fs::stat(directory).ok()?.st_dev;
    let device = format!("{}:{}", rustix::fs::major(device), rustix::fs::minor(device));
    let mounts = fs::read_to_string("/proc/self/mountinfo").ok()?;
    network_fuse_mount(&mounts, &device)
}

/// Returns the kind of the mount of `device` (fields as in proc_pid_mountinfo(5)) if it reaches over a network.
#[cfg(target_os = "linux")]
fn network_fuse_mount(mounts: &str, device: &str) -> Option<String> {
    const REMOTE: [&str; 9] = [
        "sshfs",
        "s3fs",
        "rclone",
        "gcsfuse",
        "glusterfs",
        "ceph-fuse",
        "davfs",
        "curlftpfs",
        "smbnetfs",
    ];
    let mount = mounts
        .lines()
        .find(|line| line.split_whitespace().nth(2) == Some(device))?;
    let kind = mount.split_once(" - ")?.1.split_whitespace().next()?;
    REMOTE
        .iter()
        .any(|remote| kind.strip_prefix("fuse.") == Some(remote))
        .then(|| kind.to_owned())
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn network_file_systems_are_known_by_their_magic_number() {
        assert_eq!(network_kind(0x6969), FileSystem::Network("nfs"));
        assert_eq!(network_kind(0xffff_ffff_ff53_4d42), FileSystem::Network("cifs"));
        assert_eq!(network_kind(0xef53), FileSystem::Local);
    }

    #[test]
    fn a_fuse_mount_is_refused_only_when_it_reaches_over_a_network() {
        let mounts =
            "36 35 98:0 / /a rw - fuse.sshfs me@there:/ rw\n37 35 98:1 / /b rw master:1 - fuse.fuse-overlayfs x rw\n";
        assert_eq!(network_fuse_mount(mounts, "98:0").as_deref(), Some("fuse.sshfs"));
        assert_eq!(network_fuse_mount(mounts, "98:1"), None);
        assert_eq!(network_fuse_mount(mounts, "98:2"), None);
    }

    #[test]
    fn each_directory_that_got_a_new_one_is_synced_once_it_has_it() {
        let root = tempfile::tempdir().unwrap();
        let new = root.path().join("deep/.cofferdam");
        let mut synced = Vec::new();
        create(&new, |directory| {
            assert!(new.is_dir(), "it is synced before there is anything to sync");
            synced.push(directory.to_owned());
            Ok(())
        })
        .unwrap();
        assert_eq!(synced, [root.path().join("deep"), root.path().to_owned()]);
        // What is there already was synced by whoever made it.
        create(&new, |directory| panic!("{} is synced again", directory.display())).unwrap();
        let full = create(&root.path().join("other"), |_| Err(io::ErrorKind::StorageFull.into()));
        assert_eq!(full.unwrap_err().kind(), io::ErrorKind::StorageFull);
    }

    #[test]
    fn a_new_directory_is_for_its_owner_only_and_one_open_to_others_is_refused() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("deep/.cofferdam/state.db");
        let directory = prepare(&path).unwrap();
        let mode = fs::metadata(&directory).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o700);
        fs::set_permissions(&directory, fs::Permissions::from_mode(0o777)).unwrap();
        assert!(matches!(
            prepare(&path),
            Err(OpenError::OpenToOthers { mode: 0o777, .. })
        ));
    }
}
