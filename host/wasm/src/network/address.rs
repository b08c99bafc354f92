//! What kind of address is this, and who may be let to it?

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// How far a grant must go for an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    /// Anybody on the internet has it.
    Public,
    /// It means something only here: the grant must say `private = true`.
    Private(&'static str),
    /// It belongs to this machine's host or its neighbours: the grant must also name this very address.
    Named(&'static str),
    /// No grant reaches it.
    Never(&'static str),
}

/// Returns how far a grant must go for `address`.
pub(crate) fn reach(address: IpAddr) -> Reach {
    match address {
        IpAddr::V4(address) => reach_v4(address),
        IpAddr::V6(address) => reach_v6(address),
    }
}

fn reach_v4(address: Ipv4Addr) -> Reach {
    match address.octets() {
        [0, ..] => Reach::Never("unspecified"),
        [127, ..] => Reach::Private("loopback"),
        [10, ..] | [172, 16..=31, ..] | [192, 168, ..] => Reach::Private("private"),
        // Services of single clouds, at addresses that look like any other.
        [168, 63, 129, 16] | [100, 100, 100, 200] => Reach::Named("cloud metadata"),
        [169, 254, 169, 254] | [169, 254, 170, 2] => Reach::Named("cloud metadata"),
        [169, 254, ..] => Reach::Named("link-local"),
        [100, 64..=127, ..] => Reach::Private("carrier-grade NAT"),
        [192, 0, 0, _] | [192, 88, 99, _] => Reach::Never("reserved"),
        [192, 0, 2, _] | [198, 51, 100, _] | [203, 0, 113, _] => Reach::Never("for documentation"),
        [198, 18..=19, ..] => Reach::Never("for measurements"),
        [224..=239, ..] => Reach::Never("multicast"),
        [240..=255, ..] => Reach::Never("reserved"),
        _ => Reach::Public,
    }
}

fn reach_v6(address: Ipv6Addr) -> Reach {
    let segments = address.segments();
    let embedded = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        reach_v4(Ipv4Addr::new(a, b, c, d))
    };
    match segments {
        [0, 0, 0, 0, 0, 0, 0, 0] => Reach::Never("unspecified"),
        [0, 0, 0, 0, 0, 0, 0, 1] => Reach::Private("loopback"),
        // What the system connects to is the IPv4 address inside.
        [0, 0, 0, 0, 0, 0xffff, high, low] => embedded(high, low),
        [0, 0, 0, 0, 0, 0, ..] => Reach::Never("IPv4-compatible"),
        // Names have such addresses where there is no IPv4.
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => embedded(high, low),
        [0x64, 0xff9b, ..] => Reach::Never("a translation of the local network"),
        [0x2002, ..] => Reach::Never("6to4"),
        [0x2001, 0, ..] => Reach::Never("Teredo"),
        [0x2001, 0x10..=0x3f, ..] => Reach::Never("an identifier"),
        [0x2001, 0xdb8, ..] | [0x3fff, 0..=0xfff, ..] => Reach::Never("for documentation"),
        [_, _, _, _, 0 | 0x200, 0x5efe, ..] => Reach::Never("ISATAP"),
        [0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254] | [0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254] => Reach::Named("cloud metadata"),
        [0xfc00..=0xfdff, ..] => Reach::Private("private"),
        [0xfe80..=0xfebf, ..] => Reach::Named("link-local"),
        [0xfec0..=0xfeff, ..] => Reach::Private("site-local"),
        [0xff00..=0xffff, ..] => Reach::Never("multicast"),
        [0x2000..=0x3fff, ..] => Reach::Public,
        _ => Reach::Never("reserved"),
    }
}

#[cfg(test)]
mod tests {
    use super::{Reach, reach};

    // row E14
    #[test]
    fn no_address_of_this_machine_or_its_network_is_public() {
        for private in [
            "127.0.0.1",
            "127.255.255.254",
            "10.1.2.3",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.0.1",
            "100.64.0.1",
            "::1",
            "fc00::1",
            "fdff::1",
            "fec0::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "64:ff9b::7f00:1",
        ] {
            assert!(
                matches!(reach(private.parse().unwrap()), Reach::Private(_)),
                "{private}"
            );
        }
        for named in [
            "169.254.169.254",
            "169.254.0.1",
            "100.100.100.200",
            "168.63.129.16",
            "fd00:ec2::254",
            "fd20:ce::254",
            "fe80::1",
            "::ffff:169.254.169.254",
            "64:ff9b::a9fe:a9fe",
        ] {
            assert!(matches!(reach(named.parse().unwrap()), Reach::Named(_)), "{named}");
        }
        for never in [
            "0.0.0.0",
            "0.1.2.3",
            "224.0.0.1",
            "239.1.1.1",
            "240.0.0.1",
            "255.255.255.255",
            "192.0.0.192",
            "198.18.0.1",
            "203.0.113.9",
            "::",
            "::127.0.0.1",
            "::7f00:2",
            "2002:7f00:1::",
            "2001:0:7f00:1::1",
            "64:ff9b:1::1",
            "2001:db8::1",
            "ff02::1",
            "100::1",
            "2a00::5efe:7f00:1",
            "::ffff:0.0.0.0",
            "4000::1",
        ] {
            assert!(matches!(reach(never.parse().unwrap()), Reach::Never(_)), "{never}");
        }
        for public in [
            "1.1.1.1",
            "172.32.0.1",
            "100.128.0.1",
            "8.8.8.8",
            "2606:4700::1111",
            "64:ff9b::808:808",
        ] {
            assert_eq!(reach(public.parse().unwrap()), Reach::Public, "{public}");
        }
    }
}
