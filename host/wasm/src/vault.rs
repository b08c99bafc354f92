//! Where compiled code and descriptions are kept between runs of the host, and why they can be trusted there.
//!
//! Compiled code runs as part of the host: whoever can write it owns the host. So the directory must belong to this user
//! and nobody else may enter it, names are keyed with a secret that lies beside them, and each file ends with a keyed
//! hash of its name and content. What does not fit is not used; it is made anew and replaced. What was not used for longest goes
//! when there is too much; any number of processes may share the directory.

use blake3::Hasher;
use cofferdam_engine::Digest;
use rustix::fs::{Mode, OFlags};
use sha2::Sha256;
use std::ffi::OsStr;
use std::fs::{DirBuilder, File};
use std::hash::Hash;
use std::io::{Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// Why a directory is not used.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// It cannot be made or read.
    #[error("cannot use `{path}` for compiled code")]
    Io {
        /// The directory or a file in it.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// Others could put code there.
    #[error("`{path}` is not safe for compiled code: {reason}; make it yours alone (chmod 700) or name another")]
    Unsafe {
        /// The directory.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
}

/// A directory of compiled code that is ours alone.
pub(crate) struct Vault {
    path: PathBuf,
    key: [u8; 32],
    engine: [u8; 32],
    /// How many bytes its files may have together.
    room: u64,
}

/// What a file of the vault holds.
#[derive(Clone, Copy)]
pub(crate) enum Kept {
    Code,
    Description,
}

const KEY_FILE: &str = "key";
const MAC_LENGTH: usize = blake3::OUT_LEN;
/// Changes when what is kept about a component changes its form.
const FORMAT: &[u8] = b"cofferdam vault 3";
/// How exactly it is known when a file was used last: what is used all the time is not written to all the time.
const USED_TO_THE: Duration = Duration::from_hours(1);
/// How a file is named that is not complete yet.
const ASIDE: &str = ".new";

impl Vault {
    /// Opens the directory, which is made if it is not there; `engine` is what the code of this host depends on.
    pub(crate) fn open(path: &Path, engine: impl Hash, room: u64) -> Result<Self, VaultError> {
        let io = |source| VaultError::Io {
            path: path.to_owned(),
            source,
        };
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent).map_err(io)?;
        }
        match DirBuilder::new().mode(0o700).create(path) {
            Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => return Err(io(error)),
            Ok(()) | Err(_) => {}
        }
        let found = std::fs::symlink_metadata(path).map_err(io)?;
        let refuse = |reason: String| {
            Err(VaultError::Unsafe {
                path: path.to_owned(),
                reason,
            })
        };
        if !found.is_dir() {
            return refuse("it is not a directory".to_owned());
        }
        if found.uid() != rustix::process::geteuid().as_raw() {
            return refuse(format!("it belongs to user {}", found.uid()));
        }
        if found.mode() & 0o077 != 0 {
            return refuse(format!("its mode is {:o}", found.mode() & 0o777));
        }
        let mut hasher = EngineHasher(sha2::Digest::new());
        engine.hash(&mut hasher);
        Ok(Self {
            path: path.to_owned(),
            key: key(path).map_err(io)?,
            engine: sha2::Digest::finalize(hasher.0).into(),
            room,
        })
    }

    /// Returns what is kept, if it is there and untouched.
    pub(crate) fn read(&self, component: &Digest, kept: Kept) -> Option<Vec<u8>> {
        let name = self.name(component, kept);
        let mut file = open_own(&self.path.join(&name)).ok()?;
        let mut content = Vec::new();
        file.read_to_end(&mut content).ok()?;
        let length = content.len().checked_sub(MAC_LENGTH)?;
        let (body, mac) = content.split_at(length);
        let mac: [u8; MAC_LENGTH] = mac.try_into().ok()?;
        // Compared in constant time.
        if self.seal(&name, body) != mac {
            return None;
        }
        content.truncate(length);
        let last_used = file.metadata().and_then(|found| found.modified());
        if last_used.is_ok_and(|at| at.elapsed().is_ok_and(|since| since > USED_TO_THE)) {
            // Who cannot be told that it was used takes it for older than it is; it can be made again.
            let _ = file.set_modified(SystemTime::now());
        }
        Some(content)
    }

    /// Keeps `content`; that it cannot is no reason to fail, for it can be made again.
    pub(crate) fn write(&self, component: &Digest, kept: Kept, content: &[u8]) {
        let name = self.name(component, kept);
        let mac = self.seal(&name, content);
        if let Err(error) = replace(&self.path, &name, &[content, mac.as_bytes()]) {
            tracing::warn!(path = %self.path.display(), %error, "compiled code is not kept");
        }
        if let Err(error) = self.make_room(&name) {
            tracing::warn!(path = %self.path.display(), %error, "it is not known how much compiled code is kept");
        }
    }

    /// Removes what was not used for longest until three quarters of the room are taken, if there is too much; never `newest`.
    fn make_room(&self, newest: &str) -> std::io::Result<()> {
        let mut files = Vec::new();
        for entry in std::fs::read_dir(&self.path)? {
            let entry = entry?;
            // Another process may have removed it meanwhile.
            let Ok(found) = entry.metadata() else { continue };
            let name = entry.file_name();
            if !is_own(&name) {
                continue;
            }
            let used = found.modified().unwrap_or(SystemTime::UNIX_EPOCH);
            if name.as_encoded_bytes().ends_with(ASIDE.as_bytes()) {
                // Nobody writes for so long: whoever began it was killed.
                if used.elapsed().is_ok_and(|since| since > USED_TO_THE) {
                    let _ = std::fs::remove_file(entry.path());
                }
            } else if found.is_file() {
                files.push((used, found.len(), entry.path(), name == newest));
            }
        }
        let mut taken: u64 = files.iter().map(|(_, size, ..)| size).sum();
        if taken <= self.room {
            return Ok(());
        }
        files.sort();
        for (_, size, path, is_newest) in files {
            if taken <= self.room / 4 * 3 {
                break;
            }
            if !is_newest && std::fs::remove_file(path).is_ok() {
                taken -= size;
            }
        }
        Ok(())
    }

    fn name(&self, component: &Digest, kept: Kept) -> String {
        let (tag, extension): (&[u8], _) = match kept {
            Kept::Code => (b"code", "code"),
            Kept::Description => (b"description", "json"),
        };
        let mut mac = self.mac();
        for part in [FORMAT, tag, &self.engine, component.as_bytes()] {
            mac.update(part);
        }
        format!("{}.{extension}", mac.finalize().to_hex())
    }

    fn seal(&self, name: &str, content: &[u8]) -> blake3::Hash {
        let mut mac = self.mac();
        mac.update(name.as_bytes());
        mac.update(content);
        mac.finalize()
    }

    fn mac(&self) -> Hasher {
        Hasher::new_keyed(&self.key)
    }
}

/// Returns whether a file of this name may be one that is kept here, complete or not.
fn is_own(name: &OsStr) -> bool {
    const DIGITS: usize = 2 * blake3::OUT_LEN;
    name.to_str().is_some_and(|name| {
        let digits = name.split('.').next().unwrap_or_default();
        digits.len() == DIGITS && digits.bytes().all(|byte| byte.is_ascii_hexdigit()) && name.len() > DIGITS
    })
}

fn key(directory: &Path) -> std::io::Result<[u8; 32]> {
    let path = directory.join(KEY_FILE);
    let mut key = [0; 32];
    if let Ok(mut file) = open_own(&path)
        && file.metadata()?.len() == key.len() as u64
        && file.read_exact(&mut key).is_ok()
    {
        return Ok(key);
    }
    File::open("/dev/urandom")?.read_exact(&mut key)?;
    replace(directory, KEY_FILE, &[&key])?;
    // Another process may have been quicker; both must end with the same key.
    open_own(&path)?.read_exact(&mut key)?;
    Ok(key)
}

/// Opens a file that is no link and belongs to this user alone.
fn open_own(path: &Path) -> std::io::Result<File> {
    let file = File::from(rustix::fs::open(
        path,
        OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC,
        Mode::empty(),
    )?);
    let found = file.metadata()?;
    let own = found.is_file() && found.uid() == rustix::process::geteuid().as_raw() && found.mode() & 0o077 == 0;
    if own {
        Ok(file)
    } else {
        Err(std::io::ErrorKind::PermissionDenied.into())
    }
}

/// Writes aside and renames, so that a reader sees all of a file or none of it.
fn replace(directory: &Path, name: &str, parts: &[&[u8]]) -> std::io::Result<()> {
    let aside = directory.join(format!(
        "{name}.{}.{:?}{ASIDE}",
        std::process::id(),
        std::thread::current().id()
    ));
    let written = (|| {
        let mut file = File::options()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&aside)?;
        parts.iter().try_for_each(|part| file.write_all(part))?;
        std::fs::rename(&aside, directory.join(name))
    })();
    if written.is_err() {
        // Nothing can be done about what was written aside; the next writer of this name replaces it.
        let _ = std::fs::remove_file(&aside);
    }
    written
}

struct EngineHasher(Sha256);

impl std::hash::Hasher for EngineHasher {
    fn write(&mut self, bytes: &[u8]) {
        sha2::Digest::update(&mut self.0, bytes);
    }

    fn finish(&self) -> u64 {
        0
    }
}

#[cfg(test)]
mod tests {
    use super::{ASIDE, Digest, Kept, Vault, VaultError};
    use std::fs::File;
    use std::os::unix::fs::PermissionsExt;
    use std::path::Path;
    use std::time::{Duration, SystemTime};

    const ROOM: u64 = 1_000;

    /// Makes a file as old as if it had been used last so many hours ago.
    fn age(path: &Path, hours: u64) {
        let file = File::options().write(true).open(path).unwrap();
        file.set_modified(SystemTime::now() - Duration::from_hours(hours))
            .unwrap();
    }

    #[test]
    fn only_untouched_files_are_read_back() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("code");
        let vault = Vault::open(&path, 1, ROOM).unwrap();
        let (one, other) = (Digest::of(b"one"), Digest::of(b"other"));
        vault.write(&one, Kept::Code, b"machine code");
        assert_eq!(vault.read(&one, Kept::Code).as_deref(), Some(&b"machine code"[..]));
        assert_eq!(vault.read(&one, Kept::Description), None);
        assert_eq!(vault.read(&other, Kept::Code), None);
        assert_eq!(
            Vault::open(&path, 1, ROOM).unwrap().read(&one, Kept::Code).as_deref(),
            Some(&b"machine code"[..])
        );
        assert_eq!(
            Vault::open(&path, 2, ROOM).unwrap().read(&one, Kept::Code),
            None,
            "code of another engine"
        );

        let file = path.join(vault.name(&one, Kept::Code));
        std::fs::copy(&file, path.join(vault.name(&other, Kept::Code))).unwrap();
        assert_eq!(vault.read(&other, Kept::Code), None, "a file under another name");
        let mut content = std::fs::read(&file).unwrap();
        *content.first_mut().unwrap() ^= 1;
        std::fs::write(&file, content).unwrap();
        assert_eq!(vault.read(&one, Kept::Code), None, "a flipped bit");
        std::fs::write(&file, b"x").unwrap();
        assert_eq!(vault.read(&one, Kept::Code), None, "a short file");
    }

    #[test]
    fn a_directory_that_others_can_enter_is_refused() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("code");
        std::fs::create_dir(&path).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        let refused = Vault::open(&path, 1, ROOM).err().unwrap();
        assert!(
            matches!(&refused, VaultError::Unsafe { reason, .. } if reason == "its mode is 755"),
            "{refused}"
        );

        let link = root.path().join("link");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        assert!(matches!(Vault::open(&link, 1, ROOM), Err(VaultError::Unsafe { .. })));
    }

    #[test]
    fn what_was_not_used_for_longest_goes_when_there_is_too_much() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("code");
        let vault = Vault::open(&path, 1, ROOM).unwrap();
        let digests = [b"a", b"b", b"c", b"d"].map(|name| Digest::of(name));
        // With its hash each has 300 bytes, so that there is room for three.
        let content = [7; 268];
        for (digest, hours) in digests[..3].iter().zip([5, 4, 3]) {
            vault.write(digest, Kept::Code, &content);
            age(&path.join(vault.name(digest, Kept::Code)), hours);
        }
        let aside = |process: u32| format!("{}.{process}.ThreadId(1){ASIDE}", vault.name(&digests[3], Kept::Code));
        let (killed, at_work) = (aside(1), aside(2));
        for (name, hours) in [(&*killed, 2), (&*at_work, 0), ("somebody-elses.new", 9), ("large", 9)] {
            std::fs::write(path.join(name), [0; 200]).unwrap();
            age(&path.join(name), hours);
        }
        // The oldest is used again.
        assert!(vault.read(&digests[0], Kept::Code).is_some());
        vault.write(&digests[3], Kept::Code, &content);
        let kept = digests.map(|digest| vault.read(&digest, Kept::Code).is_some());
        assert_eq!(kept, [true, false, false, true], "three quarters of the room are taken");
        for name in ["key", &*at_work, "somebody-elses.new", "large"] {
            assert!(path.join(name).exists(), "{name}");
        }
        assert!(!path.join(killed).exists());
        // What alone is too large is kept all the same: it was wanted last.
        vault.write(&digests[1], Kept::Code, &[7; 2_000]);
        let kept = digests.map(|digest| vault.read(&digest, Kept::Code).is_some());
        assert_eq!(kept, [false, true, false, false]);
    }
}
