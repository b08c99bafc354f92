//! Whether a directory is a place where the state may be: local, writable, and nobody else's to write or to read.

use crate::sqlite::error::OpenError;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// Makes sure that the directory of the database at `path` exists and is fit for it, and returns it.
pub(crate) fn prepare(path: &Path) -> Result<PathBuf, OpenError> {
    let directory = directory_of(path);
    refuse_links(&[&directory])?;
    match fs::metadata(&directory) {
        Ok(metadata) if metadata.is_dir() => {
            let mode = metadata.permissions().mode() & 0o777;
            if mode & 0o022 != 0 {
                return Err(OpenError::OpenToOthers { directory, mode });
            }
            // What was cloned or made by hand can be listed by everybody. Another directory may be there for others, too:
            // what lies in it is closed all the same.
            if directory.file_name().is_some_and(|name| name == ".cofferdam") {
                close(&directory, mode)?;
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

/// Makes the database at `path` if there is none, for this user alone, and refuses it and what lies beside it if one is a link.
///
/// SQLite gives the files beside the database the permissions of the database itself: so it is made here.
pub(crate) fn make_private(path: &Path) -> Result<(), OpenError> {
    let directory = directory_of(path);
    let [log, index] = beside(path);
    refuse_links(&[path, &log, &index, &hosts_in(&directory), &directory.join("components")])?;
    match private().write(true).create_new(true).open(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(OpenError::unusable(directory, error)),
        Ok(_) | Err(_) => Ok(()),
    }
}

/// Takes the database at `path`, which is ours, and what lies beside it from everybody else.
pub(crate) fn close_to_others(path: &Path) -> Result<(), OpenError> {
    let directory = directory_of(path);
    let [log, index] = beside(path);
    let places = [path, &log, &index, &hosts_in(&directory), &directory.join("components")];
    for place in places {
        match fs::symlink_metadata(place) {
            Ok(metadata) => close(place, metadata.permissions().mode() & 0o777)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(OpenError::unusable(place.to_owned(), error)),
        }
    }
    Ok(())
}

/// Returns the files that SQLite puts beside the database.
fn beside(path: &Path) -> [PathBuf; 2] {
    ["-wal", "-shm"].map(|suffix| {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        PathBuf::from(name)
    })
}

/// Returns the directory of the files by which hosts tell that they live.
pub(crate) fn hosts_in(directory: &Path) -> PathBuf {
    directory.join("hosts")
}

/// Makes the directory of the hosts, for this user alone.
pub(crate) fn make_hosts(directory: &Path) -> io::Result<()> {
    match fs::DirBuilder::new().mode(0o700).create(hosts_in(directory)) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        made => made,
    }
}

/// Returns how files of the state are opened: for this user alone, and never through a link.
pub(crate) fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    let flags = i32::try_from(rustix::fs::OFlags::NOFOLLOW.bits()).unwrap_or_default();
    options.mode(0o600).custom_flags(flags);
    options
}

/// Takes a place, which is no link, from everybody but its owner.
fn close(place: &Path, mode: u32) -> Result<(), OpenError> {
    if mode & 0o077 == 0 {
        return Ok(());
    }
    fs::set_permissions(place, fs::Permissions::from_mode(mode & 0o700)).map_err(|_| OpenError::OpenToOthers {
        directory: place.to_owned(),
        mode,
    })
}

/// Refuses places of the state that are links: a repository that somebody clones could point them anywhere.
fn refuse_links(places: &[&Path]) -> Result<(), OpenError> {
    for place in places {
        if fs::symlink_metadata(place).is_ok_and(|metadata| metadata.file_type().is_symlink()) {
            let reason = io::Error::other("it is a symbolic link; name the place that it points to");
            return Err(OpenError::unusable(place.to_path_buf(), reason));
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

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    fn open_to_all(path: &Path) {
        let mode = if path.is_dir() { 0o755 } else { 0o644 };
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn what_others_could_read_is_closed_and_new_files_are_private() {
        let root = tempfile::tempdir().unwrap();
        let at = |name: &str| root.path().join(".cofferdam").join(name);
        let path = at("state.db");
        fs::create_dir_all(at("hosts")).unwrap();
        fs::create_dir_all(at("components")).unwrap();
        let directory = prepare(&path).unwrap();
        make_private(&path).unwrap();
        assert_eq!(mode(&path), 0o600);
        for name in ["state.db-wal", "state.db-shm"] {
            fs::write(at(name), "").unwrap();
        }
        let all = ["", "state.db", "state.db-wal", "state.db-shm", "hosts", "components"];
        for name in all {
            open_to_all(&at(name));
        }
        assert_eq!(prepare(&path).unwrap(), directory);
        close_to_others(&path).unwrap();
        for name in all {
            assert_eq!(mode(&at(name)) & 0o077, 0, "{name}");
        }
    }

    #[test]
    fn no_part_of_the_state_may_be_a_link() {
        for name in ["state.db", "state.db-wal", "state.db-shm", "hosts", "components"] {
            let root = tempfile::tempdir().unwrap();
            let elsewhere = root.path().join("elsewhere");
            fs::create_dir(&elsewhere).unwrap();
            let path = root.path().join(".cofferdam/state.db");
            prepare(&path).unwrap();
            std::os::unix::fs::symlink(&elsewhere, path.with_file_name(name)).unwrap();
            let refused = make_private(&path).unwrap_err();
            assert!(
                matches!(&refused, OpenError::Directory { source, .. } if source.to_string().contains("symbolic link")),
                "{name}: {refused:?}"
            );
        }
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
