//! Tests of `forms.rs`.

use super::*;

#[test]
fn a_name_is_also_a_file_name_and_an_argument() {
    for good in ["a", "operator-b", "_x", "9", "mms.a.example"] {
        assert!(read(name, good).is_ok(), "{good}");
    }
    for bad in [
        ".",
        "..",
        ".hidden",
        "-x",
        "--config",
        "",
        "a/b",
        "a b",
        "a\u{e9}",
        &"x".repeat(65),
    ] {
        assert_eq!(read(name, bad).unwrap_err(), NAME, "{bad}");
    }
    let key = format!("..:{}", "A".repeat(43) + "=");
    assert!(read(public_key, &key).is_err());
}

fn read<T>(form: impl Fn(&DeValue<'_>) -> Read<T>, text: &str) -> Read<T> {
    form(&DeValue::String(text.into()))
}

#[test]
fn a_host_is_a_name_or_an_address_and_always_has_a_port() {
    for (text, shown) in [
        ("127.0.0.1:2525", "127.0.0.1:2525"),
        ("mms.a.example:25", "mms.a.example:25"),
        ("[::1]:25", "[::1]:25"),
        ("mms_1.b_2.example:25", "mms_1.b_2.example:25"),
    ] {
        assert_eq!(read(host_port, text).unwrap().to_string(), shown);
    }
    for text in [
        "127.0.0.1",
        "a:0",
        "a:65536",
        ":25",
        "::1:25",
        "[a]:25",
        "a b:25",
        "-a:25",
        "",
        // Hosts that cannot exist: octets above 255, a missing octet, wildcards, groups, a reserved name.
        "256.0.0.1:25",
        "192.0.2:25",
        "10:25",
        "0.0.0.0:25",
        "[::]:25",
        "224.0.0.1:25",
        "[ff02::1]:25",
        "255.255.255.255:25",
        "mms.b.invalid:25",
    ] {
        assert!(read(host_port, text).is_err(), "{text}");
    }
    for (text, is_said) in [
        ("mms.b.invalid:25", true),
        ("256.0.0.1:25", true),
        ("0.0.0.0:25", true),
        ("127.0.0.1", false),
        ("127.0.0.1:0", false),
        (":25", false),
        ("a b:25", false),
    ] {
        let expected = read(host_port, text).unwrap_err();
        assert_eq!(
            expected.starts_with("a host that can exist, "),
            is_said,
            "{text}: {expected}"
        );
    }
}

#[test]
fn a_network_says_what_it_means() {
    assert_eq!(read(network, "192.0.2.7").unwrap().to_string(), "192.0.2.7/32");
    assert_eq!(read(network, "::ffff:192.0.2.7").unwrap().to_string(), "192.0.2.7/32");
    assert_eq!(read(network, "10.0.0.0/8").unwrap().to_string(), "10.0.0.0/8");
    assert_eq!(read(network, "2001:db8::/32").unwrap().to_string(), "2001:db8::/32");
    assert_eq!(
        read(network, "10.1.2.3/8").unwrap_err(),
        "the first address of the network: 10.0.0.0/8"
    );
    for text in ["", "10.0.0.0/33", "10.0.0", "a.example"] {
        assert!(read(network, text).is_err(), "{text}");
    }
}

#[test]
fn domains_are_kept_in_lower_case_without_the_last_dot() {
    assert_eq!(read(domain, "MMS.A.Example.").unwrap(), "mms.a.example");
    let longest = format!("{0}.{0}.{0}.{1}", "a".repeat(63), "a".repeat(61));
    assert!(read(domain, &longest).is_ok());
    assert!(read(domain, &format!("{longest}a")).is_err());
    assert!(read(domain, &"a".repeat(63)).is_ok());
    assert!(read(domain, &"a".repeat(64)).is_err());
    for text in [
        "",
        ".",
        "a..b",
        "a b",
        "a@b",
        "-a.example",
        "192.0.2.300",
        "1",
        "a.invalid",
    ] {
        assert!(read(domain, text).is_err(), "{text}");
    }
}

#[test]
fn a_prefix_has_at_most_fifteen_digits() {
    for text in ["+", "+1", "1555", "+123456789012345", "123456789012345"] {
        assert_eq!(read(prefix, text).unwrap(), text);
    }
    for text in ["", "+1234567890123456", "1-555", "1+", "a"] {
        assert!(read(prefix, text).is_err(), "{text}");
    }
}
