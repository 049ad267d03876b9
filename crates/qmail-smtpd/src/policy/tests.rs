//! Policy without files.

use super::*;

fn lines(text: &str) -> Vec<Vec<u8>> {
    text.split_whitespace()
        .map(|word| word.as_bytes().to_vec())
        .collect()
}

fn policy(rcpthosts: &str) -> Policy {
    Policy {
        relay_suffix: None,
        rcpthosts: RcptHosts::of_names(&lines(rcpthosts)),
        routes: Routes {
            envnoathost: b"mx.test".to_vec(),
            locals: Map::of_names(&lines("mx.test")),
            virtualdomains: Map::of_pairs(&lines(
                "virt.example:joe .sub.example:joe out.sub.example: :all",
            )),
            percenthack: Map::of_names(&lines("hack.example mx.test")),
        },
        bad_senders: Map::of_names(&lines("bad@h.example @evil.example @.deep.example")),
        bad_recipients: Map::default(),
        senders: None,
        localiphost: Some(b"mx.test".to_vec()),
        own_addresses: || Ok(vec![IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1))]),
    }
}

#[track_caller]
fn check(policy: &Policy, recipient: &str, cleared: Option<&str>) {
    let expected = match cleared {
        Some(address) => Clearance::Recipient(address.as_bytes().to_vec()),
        None => Clearance::NoGateway,
    };
    assert_eq!(
        policy
            .clear(recipient.as_bytes().to_vec(), Standing::Stranger)
            .unwrap(),
        expected,
        "{recipient}"
    );
}

#[test]
fn rcpthosts_lists_domains_and_with_a_dot_their_subdomains() {
    let policy = policy("local.example .sub.example MiXed.Example");
    for taken in [
        "r@local.example",
        "r@LOCAL.example",
        "r@a.b.sub.example",
        "r@mixed.example",
        "a@b@local.example",
    ] {
        check(&policy, taken, Some(taken));
    }
    for refused in [
        "r@sub.example",
        "r@x.local.example",
        "r@",
        "r@local.example.",
        "r@elsewhere",
        "a@local.example@x",
    ] {
        check(&policy, refused, None);
    }
}

#[test]
fn an_address_without_domain_is_taken_when_envnoathost_is_ours() {
    let mut policy = policy("");
    check(&policy, "postmaster", Some("postmaster"));
    check(&policy, "", Some(""));
    policy.routes.locals = Map::default();
    check(&policy, "postmaster", None);
}

#[test]
fn a_relay_client_may_send_anywhere_and_its_suffix_is_appended() {
    let mut policy = policy("");
    policy.relay_suffix = Some(Vec::new());
    check(&policy, "r@anywhere", Some("r@anywhere"));
    policy.relay_suffix = Some(b"@gateway.example".to_vec());
    check(&policy, "r@anywhere", Some("r@anywhere@gateway.example"));
    check(&policy, "plain", Some("plain@gateway.example"));
}

#[test]
fn badmailfrom_names_addresses_and_domains_in_any_case() {
    let policy = policy("");
    for (sender, is_bad) in [
        ("bad@h.example", true),
        ("BAD@H.example", true),
        ("any@evil.example", true),
        ("a@b@Evil.Example", true),
        ("good@h.example", false),
        ("any@x.evil.example", false),
        ("any@x.deep.example", true),
        ("any@y.x.Deep.example", true),
        ("any@deep.example", false),
        ("any@xdeep.example", false),
        ("evil.example", false),
        ("", false),
    ] {
        assert_eq!(policy.is_bad_sender(sender.as_bytes()), is_bad, "{sender}");
    }
}

#[test]
fn our_own_address_in_brackets_becomes_localiphost() {
    let mut policy = policy("");
    let resolve = |policy: &Policy, text: &str| {
        String::from_utf8(policy.resolve_literal(text.as_bytes().to_vec()).unwrap()).unwrap()
    };
    assert_eq!(resolve(&policy, "a@[192.0.2.1]"), "a@mx.test");
    for other in [
        "a@[192.0.2.2]",
        "a@[192.0.2.1",
        "a@192.0.2.1",
        "[192.0.2.1]",
        "a@[]",
    ] {
        assert_eq!(resolve(&policy, other), other);
    }
    policy.localiphost = None;
    assert_eq!(resolve(&policy, "a@[192.0.2.1]"), "a@[192.0.2.1]");
    policy.localiphost = Some(b"mx.test".to_vec());
    policy.own_addresses = || Err(io::Error::other("no interfaces"));
    assert!(policy.resolve_literal(b"a@[192.0.2.1]".to_vec()).is_err());
    assert!(policy.resolve_literal(b"a@b".to_vec()).is_ok());
}

#[test]
fn a_user_may_send_anywhere_without_a_suffix() {
    let cleared = policy("").clear(b"r@anywhere".to_vec(), Standing::User);
    assert_eq!(
        cleared.unwrap(),
        Clearance::Recipient(b"r@anywhere".to_vec())
    );
}

#[test]
fn what_a_percent_sign_hides_must_be_ours_too() {
    let policy = policy("local.example hack.example");
    for taken in [
        "a%evil@local.example",
        "a%local.example@hack.example",
        "a%b%local.example@hack.example",
        "plain@hack.example",
    ] {
        check(&policy, taken, Some(taken));
    }
    for refused in [
        "a%evil@hack.example",
        "a%local.example%evil@hack.example",
        "a%evil%hack.example@hack.example",
        "a%evil",
        "a%evil@mx.test",
    ] {
        check(&policy, refused, None);
    }
}

#[test]
fn local_is_what_qmail_send_delivers_here_by_name() {
    let policy = policy("");
    for (recipient, is_local) in [
        ("joe@mx.test", true),
        ("JOE@MX.Test", true),
        ("joe", true),
        ("", true),
        ("any@virt.example", true),
        ("any@a.sub.example", true),
        ("any@out.sub.example", false),
        ("any@elsewhere", false),
        ("joe%mx.test@hack.example", true),
        ("joe%elsewhere@mx.test", false),
    ] {
        assert_eq!(
            policy.is_local(recipient.as_bytes()),
            is_local,
            "{recipient}"
        );
    }
}
