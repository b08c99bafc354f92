use super::{InvalidKey, KeyFileError, Keys, PublicKey, Signature, SignatureRules, Signatures, SigningKey, Worth};
use cofferdam_engine::Digest;
use std::collections::BTreeMap;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};

fn key(number: u8) -> SigningKey {
    SigningKey::of_seed(&[number; 32]).unwrap()
}

fn component(text: &str) -> Digest {
    Digest::of(text.as_bytes())
}

fn keys() -> Keys {
    Keys::new([
        ("release".to_owned(), key(1).public()),
        ("team".to_owned(), key(2).public()),
    ])
}

/// The first vector of RFC 8032 says what ed25519 is, whatever a library does.
#[test]
fn it_is_the_ed25519_of_the_standard() {
    let hex = |text: &str| -> Vec<u8> {
        let digits = text.as_bytes().chunks(2);
        digits
            .map(|two| u8::from_str_radix(str::from_utf8(two).unwrap(), 16).unwrap())
            .collect()
    };
    let seed = hex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60");
    let key = SigningKey::of_seed(&seed).unwrap();
    let public = hex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a");
    assert_eq!(key.public().0.as_slice(), public);
    let expected = "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b";
    assert_eq!(key.sign(b"").as_slice(), hex(expected));
    assert!(key.public().made(&key.sign(b""), b""));
}

#[test]
fn a_signature_is_worth_something_for_one_component_under_one_name() {
    let (one, two) = (component("one"), component("two"));
    let signature = Signature::new(&key(1), "tool", &one);
    assert_eq!(signature.worth("tool", &one), Worth::Genuine);
    assert_eq!(signature.worth("text", &one), Worth::OtherPlugin);
    assert_eq!(signature.worth("tool", &two), Worth::OtherComponent);
    for at in 0..64 {
        let mut forged = signature.clone();
        forged.bytes[at] ^= 1;
        assert_eq!(forged.worth("tool", &one), Worth::Forged, "byte {at}");
    }
    // Whoever changes what it is about has to sign that.
    let moved = Signature {
        component: two,
        ..signature.clone()
    };
    assert_eq!(moved.worth("tool", &two), Worth::Forged);
    let renamed = Signature {
        plugin: "text".to_owned(),
        ..signature.clone()
    };
    assert_eq!(renamed.worth("text", &one), Worth::Forged);
    let taken = Signature {
        key: key(2).public(),
        ..signature
    };
    assert_eq!(taken.worth("tool", &one), Worth::Forged);
}

#[test]
fn what_is_written_is_read_again() {
    let one = component("one");
    let signatures = Signatures::of([1, 2, 3].map(|number| Signature::new(&key(number), "tool", &one)));
    let text = signatures.to_text();
    assert_eq!(Signatures::parse(&text), signatures);
    let commented = text.replacen('\n', "\n# by hand\n\n", 1);
    let lines: Vec<usize> = Signatures::parse(&commented).lines().map(|(line, _)| line).collect();
    assert_eq!(lines, [4, 5, 6]);
    assert_eq!(Signatures::parse("cofferdam signatures 1\n"), Signatures::default());
}

#[test]
fn everything_that_is_wrong_with_a_file_is_said() {
    let text = "cofferdam signatures 2\n\
        tool\n\
        ed25519:AA Tool sha256:00 AA==\n\
        ed25519-secret:AA tool sha256:00 AA==\n";
    said(
        Signatures::parse(text).damage(),
        &[
            "line 1: this cofferdam knows `cofferdam signatures 1` and no other format",
            "line 2: a signature is four words (key, plugin, component, signature), not 1",
            "line 3: the key must be `ed25519:` and 32 bytes in base64, as `cofferdam plugin keygen` prints it, the second word is no name of a plugin, the third word is no digest: sha256: and 64 hexadecimal digits, the signature is not 64 bytes in base64",
            "line 4: the key is the secret one, which stands in no other file than its own, the third word is no digest: sha256: and 64 hexadecimal digits, the signature is not 64 bytes in base64",
        ],
    );
    said(
        Signatures::parse("").damage(),
        &["line 1: it must be `cofferdam signatures 1`"],
    );
    let one = component("one");
    let many = Signatures::of((0..33).map(|number| Signature::new(&key(number), "tool", &one)));
    said(
        Signatures::parse(&many.to_text()).damage(),
        &["it has 33 signatures, more than 32"],
    );
    let wrong = format!("cofferdam signatures 1\n{}", "x\n".repeat(100));
    assert_eq!(Signatures::parse(&wrong).damage().len(), 17);
    assert_eq!(Signatures::parse(&wrong).damage()[16], "and 84 more");
}

fn said(found: &[String], expected: &[&str]) {
    assert_eq!(found, expected, "{found:#?}");
}

#[test]
fn one_key_that_counts_is_enough_and_all_reasons_are_told_if_there_is_none() {
    let (one, two) = (component("one"), component("two"));
    let sign = |number, plugin: &str, component: &Digest| Signature::new(&key(number), plugin, component);
    let judged = |signatures: Vec<Signature>| {
        let vouching = keys();
        let vouching = vouching.vouching("tool", &one, &Signatures::of(signatures));
        vouching
            .map(|names| names.join(" "))
            .map_err(|unsigned| unsigned.to_string())
    };
    assert_eq!(judged(vec![sign(1, "tool", &one)]).unwrap(), "release");
    assert_eq!(
        judged(vec![sign(2, "tool", &one), sign(1, "tool", &one)]).unwrap(),
        "team release"
    );
    assert_eq!(
        judged(vec![sign(3, "tool", &one), sign(2, "tool", &one)]).unwrap(),
        "team"
    );
    let stranger = key(3).public();
    let mut forged = sign(1, "tool", &one);
    forged.bytes[0] ^= 1;
    assert_eq!(
        judged(vec![
            sign(3, "tool", &one),
            sign(1, "text", &one),
            sign(2, "tool", &two),
            forged
        ])
        .unwrap_err(),
        format!(
            "not signed by `release` or `team`: line 2: {stranger} is none of them; \
             line 3: `release` signed it as `text`; line 4: `team` signed another component, {two}; \
             line 5: `release` has not made this signature, or not for what it says"
        )
    );
    assert_eq!(
        judged(Vec::new()).unwrap_err(),
        "not signed by `release` or `team`: no signature lies beside it"
    );
}

#[test]
fn a_plugin_has_its_own_keys_or_those_of_all() {
    let one = component("one");
    let by = |number| Signatures::of([Signature::new(&key(number), "tool", &one)]);
    let only = |number: u8| Keys::new([(format!("key-{number}"), key(number).public())]);
    let none = SignatureRules::default();
    assert_eq!(none.check("tool", &one, &Signatures::default()), Ok(()));
    let rules = SignatureRules {
        each: BTreeMap::from([("tool".to_owned(), only(1))]),
        others: Some(only(2)),
    };
    assert!(rules.check("tool", &one, &by(1)).is_ok());
    assert!(
        rules.check("tool", &one, &by(2)).is_err(),
        "what counts for others does not count for it"
    );
    assert!(
        rules.check("other", &one, &by(2)).is_err(),
        "it is signed under another name"
    );
    let rules = SignatureRules { others: None, ..rules };
    assert!(rules.check("tool", &one, &by(2)).is_err());
    assert!(rules.check("other", &one, &Signatures::default()).is_ok());
}

#[test]
fn a_public_key_is_a_key_that_only_its_owner_signs_with() {
    let public = key(1).public();
    assert_eq!(public.to_string().parse(), Ok(public));
    let refused = |text: &str| text.parse::<PublicKey>().unwrap_err();
    for text in ["", "ed25519:", "ed25519:AAAA", "rsa:AAAA", &public.to_string()[8..]] {
        assert_eq!(refused(text), InvalidKey::Form, "{text}");
    }
    assert_eq!(refused("ed25519-secret:AAAA"), InvalidKey::Secret);
    // The neutral element, with either sign: with it, one signature is genuine for every message.
    for last in ["AAA", "AIA"] {
        let neutral = format!("ed25519:AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA{last}=");
        assert_eq!(refused(&neutral), InvalidKey::Weak, "{neutral}");
    }
}

#[test]
fn a_signing_key_is_in_a_file_of_its_own_that_nobody_else_reads() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("release.key");
    let key = SigningKey::generate().unwrap();
    key.write(&path).unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
    assert_eq!(SigningKey::read(&path).unwrap().public(), key.public());
    assert_ne!(SigningKey::generate().unwrap().public(), key.public());
    let before = std::fs::read(&path).unwrap();
    assert!(matches!(key.write(&path), Err(KeyFileError::Exists(_))));
    assert_eq!(std::fs::read(&path).unwrap(), before);
    assert!(!format!("{key:?}").contains("secret"));
    for mode in [0o644, 0o640, 0o620, 0o602] {
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        assert!(
            matches!(SigningKey::read(&path), Err(KeyFileError::Exposed(..))),
            "{mode:o}"
        );
    }
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o400)).unwrap();
    let link = directory.path().join("link");
    std::os::unix::fs::symlink(&path, &link).unwrap();
    assert!(SigningKey::read(&link).is_err());
    let other = directory.path().join("other");
    std::fs::write(&other, "ed25519-secret:AAAA\n").unwrap();
    std::fs::set_permissions(&other, std::fs::Permissions::from_mode(0o600)).unwrap();
    assert!(matches!(SigningKey::read(&other), Err(KeyFileError::NoKey(_))));
}

/// A file that lies there is read as it is, and nothing that is no file is waited for.
#[test]
fn what_lies_beside_a_component_is_read() {
    let directory = tempfile::tempdir().unwrap();
    let component_file = directory.path().join("tool.wasm");
    let file = Signatures::file_of(&component_file);
    assert_eq!(file, directory.path().join("tool.wasm.sig"));
    assert_eq!(Signatures::beside(&component_file), Signatures::default());
    let signatures = Signatures::of([Signature::new(&key(1), "tool", &component("one"))]);
    std::fs::write(&file, signatures.to_text()).unwrap();
    assert_eq!(Signatures::beside(&component_file), signatures);
    for (bytes, expected) in [
        (vec![0xff], "tool.wasm.sig cannot be read: it is not UTF-8 text"),
        (
            vec![b'#'; 20_000],
            "tool.wasm.sig cannot be read: it is longer than 16 KiB",
        ),
    ] {
        std::fs::write(&file, bytes).unwrap();
        assert_eq!(Signatures::beside(&component_file).damage(), [expected]);
    }
    std::fs::remove_file(&file).unwrap();
    std::fs::create_dir(&file).unwrap();
    assert_eq!(
        Signatures::beside(&component_file).damage(),
        ["tool.wasm.sig cannot be read: it is no regular file"]
    );
}
