//! Where does the value of a secret come from?

use crate::private_file::{self, NotPrivate};
use rustix::process::{Pid, Signal, kill_process_group};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tokio::io::AsyncReadExt;
use zeroize::Zeroizing;

/// Where the value of a secret comes from. It is read when the secret is first used, never before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretSource {
    /// A variable in the environment of the host.
    Environment(String),
    /// A file that belongs to this user alone.
    File(PathBuf),
    /// What a program prints: its absolute path and its arguments, without a shell.
    Command(Vec<String>),
}

/// Why a secret has no value. Says nothing about the value.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The variable is not set.
    #[error("the environment has no variable `{0}`")]
    NoVariable(String),
    /// The file cannot be read.
    #[error("cannot read `{}`: {}", .0.display(), .1)]
    File(PathBuf, io::Error),
    /// Somebody else could read or change the file.
    #[error("`{}` {}: chmod 600 it, and let it belong to you", .0.display(), .1)]
    Exposed(PathBuf, &'static str),
    /// The program failed.
    #[error("`{0}` {1}")]
    Command(String, String),
    /// There is nothing in it, or too much.
    #[error("{0} is {1}")]
    Unusable(String, &'static str),
}

const LONGEST: usize = 64 * 1024;
/// A program that asks a person for a password does not get an answer here.
const COMMAND: Duration = Duration::from_secs(30);

impl SecretSource {
    /// Reads the value, without a line end behind it.
    ///
    /// # Errors
    /// If there is none, or somebody else could know or change it.
    pub async fn read(&self) -> Result<Zeroizing<Vec<u8>>, SecretError> {
        let value = match self {
            Self::Environment(name) => {
                let value = std::env::var_os(name).ok_or_else(|| SecretError::NoVariable(name.clone()))?;
                Zeroizing::new(value.into_encoded_bytes())
            }
            Self::File(path) => {
                let path = path.clone();
                let failed = path.clone();
                tokio::task::spawn_blocking(move || read_file(&path))
                    .await
                    .map_err(|error| SecretError::File(failed, io::Error::other(error)))??
            }
            Self::Command(command) => run(command).await?,
        };
        self.usable(value)
    }

    fn usable(&self, mut value: Zeroizing<Vec<u8>>) -> Result<Zeroizing<Vec<u8>>, SecretError> {
        while value.last().is_some_and(|byte| matches!(byte, b'\n' | b'\r')) {
            value.pop();
        }
        let shown = self.to_string();
        if value.is_empty() {
            return Err(SecretError::Unusable(shown, "empty"));
        }
        if value.len() > LONGEST {
            return Err(SecretError::Unusable(shown, "longer than 64 KiB"));
        }
        Ok(value)
    }
}

impl std::fmt::Display for SecretSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Environment(name) => write!(f, "variable {name}"),
            Self::File(path) => write!(f, "file {}", path.display()),
            Self::Command(command) => write!(f, "command {}", command.first().map_or("", String::as_str)),
        }
    }
}

fn read_file(path: &Path) -> Result<Zeroizing<Vec<u8>>, SecretError> {
    let failed = |error| SecretError::File(path.to_owned(), error);
    let file = private_file::open(path).map_err(|reason| match reason {
        NotPrivate::Io(error) => failed(error),
        NotPrivate::Exposed(reason) => SecretError::Exposed(path.to_owned(), reason),
    })?;
    let mut value = Zeroizing::new(Vec::new());
    file.take(LONGEST as u64 + 3).read_to_end(&mut value).map_err(failed)?;
    Ok(value)
}

async fn run(command: &[String]) -> Result<Zeroizing<Vec<u8>>, SecretError> {
    let (program, arguments) = command
        .split_first()
        .ok_or_else(|| SecretError::Command(String::new(), "names no program".to_owned()))?;
    let failed = |reason: String| SecretError::Command(program.clone(), reason);
    let mut child = tokio::process::Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        // What it complains about may hold what nobody should read.
        .stderr(Stdio::null())
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| failed(format!("cannot be run: {error}")))?;
    let family = Family::of(&child);
    let mut value = Zeroizing::new(Vec::with_capacity(LONGEST + 3));
    let ended = async {
        if let Some(printed) = child.stdout.take() {
            printed.take(LONGEST as u64 + 3).read_to_end(&mut value).await?;
        }
        child.wait().await
    };
    let status = tokio::time::timeout(COMMAND, ended)
        .await
        .map_err(|_| failed("did not answer within 30 s".to_owned()))?
        .map_err(|error| failed(format!("cannot be run: {error}")))?;
    family.stays();
    if !status.success() && value.len() <= LONGEST + 2 {
        return Err(failed(format!("failed ({status}); run it by hand to see why")));
    }
    Ok(value)
}

/// A program and what it has started. All of them are stopped when this is dropped.
struct Family(Option<Pid>);

impl Family {
    /// Returns the family of a child that has a group of its own.
    fn of(child: &tokio::process::Child) -> Self {
        let id = child.id().and_then(|id| i32::try_from(id).ok());
        Self(id.and_then(Pid::from_raw))
    }

    /// Lets go of it: what an ended program has left behind, an agent for instance, is meant to stay.
    fn stays(mut self) {
        self.0 = None;
    }
}

impl Drop for Family {
    fn drop(&mut self) {
        if let Some(group) = self.0 {
            // It may have ended meanwhile.
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{SecretError, SecretSource};
    use std::io::Read;
    use std::os::unix::fs::PermissionsExt;

    // row J16
    // key secrets.env
    #[tokio::test]
    async fn a_variable_holds_a_secret_or_there_is_none() {
        let variable = |name: &str| SecretSource::Environment(name.to_owned());
        let value = variable("CARGO_MANIFEST_DIR").read().await.unwrap();
        assert_eq!(&**value, env!("CARGO_MANIFEST_DIR").as_bytes());
        let refused = variable("COFFERDAM_IS_NOT_SET").read().await.unwrap_err();
        assert_eq!(
            refused.to_string(),
            "the environment has no variable `COFFERDAM_IS_NOT_SET`"
        );
    }

    // row J16
    // key secrets.file
    #[tokio::test]
    async fn a_file_that_others_could_know_is_not_read() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("token");
        std::fs::write(&path, "hunter2-hunter2\n").unwrap();
        for mode in [0o644, 0o640, 0o620, 0o602, 0o604] {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            let refused = SecretSource::File(path.clone()).read().await.unwrap_err();
            assert!(matches!(refused, SecretError::Exposed(..)), "{mode:o}: {refused}");
        }
        for mode in [0o600, 0o400] {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            let value = SecretSource::File(path.clone()).read().await.unwrap();
            assert_eq!(&**value, b"hunter2-hunter2");
        }
        let link = directory.path().join("link");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        assert!(SecretSource::File(link).read().await.is_err());
        assert!(SecretSource::File(directory.path().to_owned()).read().await.is_err());
    }

    // row J16
    // key secrets.command
    #[tokio::test]
    async fn what_a_program_prints_is_taken_and_what_it_complains_about_is_not() {
        let command = |words: &[&str]| SecretSource::Command(words.iter().map(|word| (*word).to_owned()).collect());
        let value = command(&["/bin/echo", "hunter2 $HOME"]).read().await.unwrap();
        assert_eq!(&**value, b"hunter2 $HOME");
        let refused = command(&["/bin/sh", "-c", "echo hunter2; echo hunter2 >&2; exit 3"])
            .read()
            .await;
        let refused = refused.unwrap_err().to_string();
        assert!(
            refused.contains("exit status: 3") && !refused.contains("hunter2"),
            "{refused}"
        );
        assert!(
            command(&["/bin/true"])
                .read()
                .await
                .unwrap_err()
                .to_string()
                .ends_with("is empty")
        );
        assert!(command(&["/no/such/program"]).read().await.is_err());
        let endless = command(&["/usr/bin/yes"]).read().await.unwrap_err().to_string();
        assert!(endless.ends_with("is longer than 64 KiB"), "{endless}");
    }

    // row J16
    #[tokio::test]
    async fn a_program_that_is_waited_for_no_longer_goes_with_all_that_it_has_started() {
        let directory = tempfile::tempdir().unwrap();
        let pipe = directory.path().join("pipe");
        rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, 0o600.into()).unwrap();
        let child = format!("(echo at work; exec sleep 600) > '{}' & wait", pipe.display());
        let source = SecretSource::Command(vec!["/bin/sh".to_owned(), "-c".to_owned(), child]);
        let reading = tokio::spawn(async move { source.read().await.map(drop) });
        // Ends when nobody has the pipe any more.
        let (begun, has_begun) = tokio::sync::oneshot::channel();
        let heard = tokio::task::spawn_blocking(move || {
            let mut pipe = std::fs::File::open(pipe).unwrap();
            let mut word = [0; 7];
            pipe.read_exact(&mut word).unwrap();
            begun.send(()).unwrap();
            pipe.read_to_end(&mut Vec::new()).unwrap()
        });
        has_begun.await.unwrap();
        reading.abort();
        assert_eq!(heard.await.unwrap(), "\n".len());
    }
}
