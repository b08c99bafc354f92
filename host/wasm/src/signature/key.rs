//! What signs, and what tells who signed?

use crate::private_file::{self, NotPrivate};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use serde::{Serialize, Serializer};
use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use zeroize::Zeroizing;

const PUBLIC: &str = "ed25519:";
const SECRET: &str = "ed25519-secret:";
const HEAD: &str = "# A signing key of cofferdam: whoever has this file signs in your name. Keep it to yourself.\n";
/// Longer than a file with a key ever is.
const LONGEST: u64 = 4 * 1024;

/// What tells whether a signature was made by the key that it belongs to.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PublicKey(pub(super) [u8; 32]);

/// What signs. Nothing shows it.
pub struct SigningKey {
    seed: Zeroizing<[u8; 32]>,
    pair: Ed25519KeyPair,
}

/// The points of small order in all their spellings, without the bit of their sign: in their name anybody makes signatures, by
/// trying a few times.
const WEAK: [[u8; 32]; 7] = [
    [
        1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    ],
    [0; 32],
    [
        0xec, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f,
    ],
    [
        0xed, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f,
    ],
    [
        0xee, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f,
    ],
    [
        0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0, 0xd5, 0xdf,
        0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05,
    ],
    [
        0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f, 0x2a, 0x20,
        0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a,
    ],
];

/// Why a text is no public key, as the end of a sentence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidKey {
    /// It does not look like one.
    #[error("must be `ed25519:` and 32 bytes in base64, as `cofferdam plugin keygen` prints it")]
    Form,
    /// It is the secret one.
    #[error("is the secret one, which stands in no other file than its own")]
    Secret,
    /// It takes signatures for genuine that nobody made.
    #[error("is a weak one: anybody could sign in its name")]
    Weak,
}

/// Why a file with a signing key cannot be written or used.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// There is something already.
    #[error("`{}` is there already; it was not touched", .0.display())]
    Exists(PathBuf),
    /// The system refuses.
    #[error("cannot use `{}`: {}", .0.display(), .1)]
    Io(PathBuf, io::Error),
    /// Somebody else could have it, or have put it there.
    #[error("`{}` {}", .0.display(), .1)]
    Exposed(PathBuf, &'static str),
    /// It holds something else.
    #[error("`{}` is no signing key: cofferdam plugin keygen makes one", .0.display())]
    NoKey(PathBuf),
}

impl PublicKey {
    pub(super) fn made(&self, signature: &[u8; 64], message: &[u8]) -> bool {
        UnparsedPublicKey::new(&ED25519, self.0)
            .verify(message, signature)
            .is_ok()
    }
}

impl FromStr for PublicKey {
    type Err = InvalidKey;

    fn from_str(text: &str) -> Result<Self, InvalidKey> {
        if text.starts_with(SECRET) {
            return Err(InvalidKey::Secret);
        }
        let bytes = text.strip_prefix(PUBLIC).and_then(|text| BASE64.decode(text).ok());
        let bytes: [u8; 32] = bytes.and_then(|bytes| bytes.try_into().ok()).ok_or(InvalidKey::Form)?;
        let mut unsigned = bytes;
        unsigned[31] &= 0x7f;
        if WEAK.contains(&unsigned) {
            return Err(InvalidKey::Weak);
        }
        Ok(Self(bytes))
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{PUBLIC}{}", BASE64.encode(self.0))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

impl Serialize for PublicKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl SigningKey {
    /// Makes a key of the randomness of the system.
    ///
    /// # Errors
    /// If the system has none to give.
    pub fn generate() -> io::Result<Self> {
        let mut seed = Zeroizing::new([0; 32]);
        File::open("/dev/urandom")?.read_exact(&mut *seed)?;
        Self::of_seed(&*seed).ok_or_else(|| io::Error::other("it makes no key"))
    }

    pub(super) fn of_seed(seed: &[u8]) -> Option<Self> {
        Some(Self {
            seed: Zeroizing::new(<[u8; 32]>::try_from(seed).ok()?),
            pair: Ed25519KeyPair::from_seed_unchecked(seed).ok()?,
        })
    }

    /// Returns what others need to know of it.
    pub fn public(&self) -> PublicKey {
        let mut public = [0; 32];
        public.copy_from_slice(self.pair.public_key().as_ref());
        PublicKey(public)
    }

    pub(super) fn sign(&self, message: &[u8]) -> [u8; 64] {
        let mut bytes = [0; 64];
        bytes.copy_from_slice(self.pair.sign(message).as_ref());
        bytes
    }

    /// Writes the key into a file of its own, which only this user can read.
    ///
    /// # Errors
    /// If something is there already, or the system refuses; then nothing is left there.
    pub fn write(&self, file: &Path) -> Result<(), KeyFileError> {
        let failed = |error: io::Error| match error.kind() {
            io::ErrorKind::AlreadyExists => KeyFileError::Exists(file.to_owned()),
            _ => KeyFileError::Io(file.to_owned(), error),
        };
        let mut opened = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(file)
            .map_err(failed)?;
        let text = Zeroizing::new(BASE64.encode(*self.seed));
        let parts = [HEAD, SECRET, &text, "\n"];
        let written = parts.iter().try_for_each(|part| opened.write_all(part.as_bytes()));
        written.and_then(|()| opened.sync_all()).map_err(|error| {
            // Half a key is of no use to anybody; that it cannot be removed either changes nothing.
            let _ = std::fs::remove_file(file);
            failed(error)
        })
    }

    /// Reads a key from a file that only this user can read.
    ///
    /// # Errors
    /// If others could have read or changed it, or it holds something else.
    pub fn read(file: &Path) -> Result<Self, KeyFileError> {
        let failed = |error| KeyFileError::Io(file.to_owned(), error);
        let opened = private_file::open(file).map_err(|reason| match reason {
            NotPrivate::Io(error) => failed(error),
            NotPrivate::Exposed(reason) => KeyFileError::Exposed(file.to_owned(), reason),
        })?;
        let mut text = Zeroizing::new(String::new());
        opened.take(LONGEST).read_to_string(&mut text).map_err(failed)?;
        let seed = text.lines().find_map(|line| line.strip_prefix(SECRET));
        let seed = seed
            .and_then(|seed| BASE64.decode(seed.trim_end()).ok())
            .map(Zeroizing::new);
        let key = seed.and_then(|seed| Self::of_seed(&seed));
        key.ok_or_else(|| KeyFileError::NoKey(file.to_owned()))
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "SigningKey({})", self.public())
    }
}
