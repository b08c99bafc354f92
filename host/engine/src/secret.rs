//! What stands for a secret where its value must not be?

use crate::id::Digest;

/// How every placeholder begins.
pub const SECRET_MARK: &str = "cofferdam-secret.";

/// Returns the text that stands for a secret in a run: the host puts the value in its place where the secret may go, and
/// it means nothing anywhere else. It differs from run to run, so that a text from outside cannot hold one by chance.
pub fn secret_placeholder(run: &str, name: &str) -> String {
    let mark = Digest::of(format!("secret\0{run}\0{name}").as_bytes()).short_hex();
    format!("{SECRET_MARK}{name}.{mark}")
}

#[cfg(test)]
mod tests {
    use super::secret_placeholder;

    #[test]
    fn a_placeholder_belongs_to_its_run() {
        let one = secret_placeholder("run-1", "github");
        assert!(one.starts_with("cofferdam-secret.github."));
        assert_eq!(one, secret_placeholder("run-1", "github"));
        assert_ne!(one, secret_placeholder("run-2", "github"));
        assert_ne!(one, secret_placeholder("run-1", "gitlab"));
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.');
        assert!(
            one.bytes().all(plain),
            "it stands in headers, addresses and forms as it is"
        );
    }
}
