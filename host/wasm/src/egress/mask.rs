//! How is a secret kept from coming back in an answer?

use bytes::Bytes;
use http::header::{HeaderMap, HeaderName, HeaderValue};
use zeroize::Zeroizing;

/// What must not be in an answer. It is covered with as many stars, so that lengths stay true.
#[derive(Default)]
pub(super) struct Mask {
    needles: Vec<Zeroizing<Vec<u8>>>,
    /// The end of what came, which may be the beginning of a needle.
    held: Zeroizing<Vec<u8>>,
}

impl Mask {
    pub(super) fn new(needles: Vec<Zeroizing<Vec<u8>>>) -> Self {
        let mut needles: Vec<_> = needles.into_iter().filter(|needle| !needle.is_empty()).collect();
        // The longest first: one that holds another is covered whole.
        needles.sort_by_key(|needle| std::cmp::Reverse(needle.len()));
        Self {
            needles,
            held: Zeroizing::default(),
        }
    }

    /// Covers what headers say. One whose name says it is left out: names are told in small letters.
    pub(super) fn headers(&self, headers: &mut HeaderMap) {
        let small: Vec<Zeroizing<Vec<u8>>> = self
            .needles
            .iter()
            .map(|needle| Zeroizing::new(needle.to_ascii_lowercase()))
            .collect();
        let tells = |name: &&HeaderName| {
            small
                .iter()
                .any(|needle| find(name.as_str().as_bytes(), needle).is_some())
        };
        let telling: Vec<HeaderName> = headers.keys().filter(tells).cloned().collect();
        for name in telling {
            headers.remove(name);
        }
        for value in headers.values_mut() {
            let mut bytes = value.as_bytes().to_vec();
            if self.cover(&mut bytes)
                && let Ok(covered) = HeaderValue::from_bytes(&bytes)
            {
                *value = covered;
            }
        }
    }

    /// Returns what can be handed on of a body, `bytes` of which came.
    pub(super) fn next(&mut self, bytes: Bytes) -> Bytes {
        if self.needles.is_empty() {
            return bytes;
        }
        let mut all = std::mem::take(&mut *self.held);
        all.extend_from_slice(&bytes);
        self.cover(&mut all);
        let keep = self
            .needles
            .iter()
            .map(|needle| beginning(&all, needle))
            .max()
            .unwrap_or(0);
        *self.held = all.split_off(all.len() - keep);
        Bytes::from(all)
    }

    /// Returns what was held back when the body is at its end.
    pub(super) fn rest(&mut self) -> Option<Bytes> {
        let rest = std::mem::take(&mut *self.held);
        (!rest.is_empty()).then(|| Bytes::from(rest))
    }

    fn cover(&self, bytes: &mut [u8]) -> bool {
        let mut covered = false;
        for needle in &self.needles {
            let mut at = 0;
            while let Some(found) = find(&bytes[at..], needle) {
                bytes[at + found..at + found + needle.len()].fill(b'*');
                at += found + needle.len();
                covered = true;
            }
        }
        covered
    }
}

fn find(bytes: &[u8], needle: &[u8]) -> Option<usize> {
    bytes.windows(needle.len()).position(|window| window == needle)
}

/// Returns how many bytes at the end of `bytes` could be the beginning of `needle`.
fn beginning(bytes: &[u8], needle: &[u8]) -> usize {
    let most = needle.len().saturating_sub(1).min(bytes.len());
    (1..=most)
        .rev()
        .find(|length| bytes.ends_with(&needle[..*length]))
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::Mask;
    use bytes::Bytes;
    use http::header::{HeaderMap, HeaderValue};
    use zeroize::Zeroizing;

    // row J16
    #[test]
    fn a_value_is_covered_wherever_it_is_cut() {
        let text = b"a hunter2hunter2 b hunter2 c hunt";
        for cut in 0..text.len() {
            for second in cut..text.len() {
                let mut mask = Mask::new(vec![Zeroizing::new(b"hunter2".to_vec())]);
                let mut got = Vec::new();
                for part in [&text[..cut], &text[cut..second], &text[second..]] {
                    got.extend_from_slice(&mask.next(Bytes::copy_from_slice(part)));
                }
                got.extend(mask.rest().unwrap_or_default());
                assert_eq!(String::from_utf8_lossy(&got), "a ************** b ******* c hunt");
            }
        }
    }

    // row J16
    #[test]
    fn a_header_that_says_a_value_with_its_name_is_left_out() {
        let mask = Mask::new(vec![Zeroizing::new(b"Hunter2".to_vec())]);
        let mut headers = HeaderMap::new();
        headers.append("x-hunter2-x", HeaderValue::from_static("1"));
        headers.append("x-plain", HeaderValue::from_static("Hunter2 hunter2"));
        mask.headers(&mut headers);
        assert_eq!(headers.len(), 1);
        assert_eq!(headers["x-plain"], "******* hunter2");
    }

    #[test]
    fn what_holds_no_secret_is_not_touched() {
        let bytes = Bytes::from_static(b"plain");
        let mut mask = Mask::new(Vec::new());
        assert_eq!(mask.next(bytes.clone()).as_ptr(), bytes.as_ptr());
        assert_eq!(mask.rest(), None);
    }
}
