//! Who may relay: listed networks, RELAYCLIENT, users. Nobody else, however the address is written.

use harness::programs;

use crate::smtp_dialogue::{Dialogue, codes};

/// Ways to ask for mail to victim@evil.example, as relay scanners write them; ours is local.example.
const PROBES: [&str; 60] = [
    "victim@evil.example",
    "<victim@evil.example>",
    "<victim@[203.0.113.9]>",
    "<victim@203.0.113.9>",
    "<victim@EVIL.example>",
    "<victim@evil.example.>",
    "<victim@evil.example@evil.example>",
    "<victim@local.example@evil.example>",
    "<victim@evil.example.local.example.evil.example>",
    "<\"victim\"@evil.example>",
    "<\"victim@evil.example\">",
    "<\"victim@local.example\"@evil.example>",
    "<\"victim@evil.example@local.example\"@evil.example>",
    "<\"victim@local.example@evil.example\">",
    "<victim\\@local.example@evil.example>",
    "<victim%local.example@evil.example>",
    "<victim%evil.example@evil.example>",
    "<local.example!victim@evil.example>",
    "<evil.example!victim@evil.example>",
    "<@local.example:victim@evil.example>",
    "<@local.example,@local.example:victim@evil.example>",
    "<@evil.example:victim@evil.example>",
    "<@[192.0.2.1]:victim@evil.example>",
    "<@local.example:victim%local.example@evil.example>",
    "<victim@xlocal.example>",
    "<victim@x.local.example>",
    "<victim@.local.example>",
    "<victim@local.example.>",
    "<victim@local.example.evil.example>",
    "<victim@local.example:evil.example>",
    "<victim@local.example/evil.example>",
    "<victim@local.example,evil.example>",
    "<victim@local.example;evil.example>",
    "<victim@local.example evil.example>",
    "<victim@local.example\tevil.example>",
    "<victim@local>",
    "<victim@example>",
    "<victim@*>",
    "<victim@>",
    "<victim@local.example@>",
    "<victim@[local.example]>",
    "<victim@[IPv6:2001:db8::1]>",
    "<victim@\"local.example\".evil.example>",
    "<victim@evil.example",
    "<victim@evil.example> <victim@local.example",
    "<victim@evil.example>,<victim@local.example>",
    "<<victim@evil.example>@local.example>",
    "<victim@evil.example\0@local.example>",
    "<victim@evil.example\r@local.example>",
    "<\"victim@evil.example\r\"@local.example>",
    "<victim@xn--evil-.example>",
    "<victim@localhost>",
    "<victim@localhost.localdomain>",
    "<victim@mx>",
    "<VICTIM@evil.EXAMPLE>",
    "<victim+local.example@evil.example>",
    "<victim-local.example@evil.example>",
    "<victim=local.example@evil.example>",
    "<\\victim@evil.example>",
    "<victim@\\evil.example>",
];

/// Local mailboxes are looked for: these would pass a server that only looks at the last domain.
const INSIDE: [&str; 12] = [
    "<victim%evil.example@local.example>",
    "<victim%evil.example%local.example@local.example>",
    "<evil.example!victim@local.example>",
    "<local.example!evil.example!victim@local.example>",
    "<victim@evil.example@local.example>",
    "<\"victim@evil.example\"@local.example>",
    "<\"victim%evil.example\"@local.example>",
    "<victim%evil.example>",
    "<evil.example!victim>",
    "<victim\\@evil.example@local.example>",
    "<@local.example:victim@evil.example@local.example>",
    "<victim>",
];

fn accepted(dialogue: &Dialogue, client: &str, probes: &[&str]) -> Vec<String> {
    let rcpts: String = probes
        .iter()
        .map(|probe| format!("RCPT TO:{probe}\r\n"))
        .collect();
    let mut taken = Vec::new();
    for mail in [
        "MAIL FROM:<s@h>",
        "MAIL FROM:<postmaster@local.example>",
        "MAIL FROM:<>",
    ] {
        let server = dialogue.server().env("TCPREMOTEIP", client);
        let output = server
            .stdin(format!("EHLO me\r\n{mail}\r\n{rcpts}DATA\r\n.\r\nQUIT\r\n"))
            .output();
        let replies = output.stdout_text();
        let codes = codes(&replies);
        assert_eq!(codes.len(), probes.len() + 6, "{replies}");
        for (probe, code) in probes.iter().zip(&codes[3..]) {
            if code.starts_with('2') {
                taken.push((*probe).to_owned());
            }
        }
        let is_refused = codes[probes.len() + 3] == "503";
        assert_eq!(is_refused, taken.is_empty(), "DATA after {taken:?}");
    }
    taken
}

/// local.example is ours and joe is its only user; the address of the host is 192.0.2.1.
fn relay_host() -> Dialogue {
    let dialogue = Dialogue::new();
    dialogue
        .home
        .user("joe")
        .control("locals", "local.example\ntest.example\n")
        .control("rcptcheck", "bin/qmail-rcptcheck\n")
        .control(
            "relayclients",
            "# the private network\n192.168.1.0/24\n2001:db8:1::/48\n10.1.2.3\n",
        );
    dialogue
}

#[test]
fn sixty_probes_from_outside_get_nowhere() {
    if !programs::ours() {
        return;
    }
    let dialogue = relay_host();
    for client in [
        "203.0.113.7",
        "2001:db8:2::1",
        "::ffff:203.0.113.7",
        "10.1.2.4",
        "unknown",
        "",
    ] {
        let taken = accepted(&dialogue, client, &PROBES);
        assert!(taken.is_empty(), "{client}: {taken:?}");
    }
    let taken = accepted(&dialogue, "203.0.113.7", &INSIDE);
    assert!(taken.is_empty(), "{taken:?}");
}

/// percenthack makes qmail-send read `a%b` as `a@b`: what is hidden so must be ours as well.
#[test]
fn percenthack_does_not_open_the_relay() {
    if !programs::ours() {
        return;
    }
    let dialogue = relay_host();
    dialogue
        .home
        .no_control("rcptcheck")
        .control("percenthack", "local.example\n");
    let hidden = [
        "<victim%evil.example@local.example>",
        "<victim%evil.example%local.example@local.example>",
    ];
    assert!(accepted(&dialogue, "203.0.113.7", &hidden).is_empty());
    let ours = ["<joe%local.example@local.example>"; 1];
    assert_eq!(accepted(&dialogue, "203.0.113.7", &ours).len(), 3);
}

#[test]
fn a_listed_network_relays_and_an_ipv4_client_is_one_however_it_is_written() {
    if !programs::ours() {
        return;
    }
    let dialogue = relay_host();
    let probe = ["<victim@evil.example>"];
    for client in [
        "192.168.1.1",
        "192.168.1.255",
        "::ffff:192.168.1.7",
        "10.1.2.3",
        "2001:db8:1::5",
        "2001:db8:1:ffff::",
    ] {
        assert_eq!(accepted(&dialogue, client, &probe).len(), 3, "{client}");
    }
    for client in [
        "192.168.2.1",
        "::192.168.1.1",
        "2001:db8:0:ffff::1",
        "192.168.1",
        "192.168.1.1 ",
    ] {
        assert_eq!(accepted(&dialogue, client, &probe).len(), 0, "{client}");
    }
}

/// A line that is no network lets nobody in, and is told.
#[test]
fn a_mistake_in_relayclients_opens_nothing() {
    if !programs::ours() {
        return;
    }
    let dialogue = relay_host();
    for line in [
        "0.0.0.0/",
        "*",
        "192.0.2.7/33",
        "192.0.2.7/",
        "192.0.2",
        "192.0.2.7 # us",
        "192.0.2.7/-1",
        "/0",
    ] {
        dialogue.home.control("relayclients", &format!("{line}\n"));
        let output = dialogue
            .server()
            .stdin("MAIL FROM:<s@h>\r\nRCPT TO:<victim@evil.example>\r\nQUIT\r\n")
            .output();
        assert_eq!(codes(&output.stdout_text())[2], "553", "{line}");
        let log = output.stderr_text();
        assert!(
            log.contains("is not address/bits, ignored"),
            "{line}: {log}"
        );
    }
}

/// badmailfrom and badrcptto: addresses, domains, what is below a domain.
#[test]
fn lists_of_bad_addresses_know_domains_and_their_children() {
    if !programs::ours() {
        return;
    }
    let dialogue = Dialogue::new();
    dialogue
        .home
        .control(
            "badmailfrom",
            "bad@h.example\n@evil.example\n@.deep.example\n",
        )
        .control("badrcptto", "trap@local.example\n@.sub.example\n")
        .control("rcpthosts", "local.example\n.sub.example\n");
    for (sender, code) in [
        ("bad@h.example", "553"),
        ("x@EVIL.example", "553"),
        ("x@a.evil.example", "250"),
        ("x@deep.example", "250"),
        ("x@a.b.deep.example", "553"),
        ("", "250"),
    ] {
        let replies = dialogue.send(
            format!("MAIL FROM:<{sender}>\r\nRCPT TO:<r@local.example>\r\nQUIT\r\n"),
            0,
        );
        assert_eq!(codes(&replies)[2], code, "{sender}");
    }
    let output = dialogue
        .server()
        .env("RELAYCLIENT", "")
        .stdin("MAIL FROM:<s@h>\r\nRCPT TO:<Trap@local.example>\r\nRCPT TO:<x@a.sub.example>\r\nRCPT TO:<x@y>\r\nQUIT\r\n")
        .output();
    assert_eq!(
        codes(&output.stdout_text()),
        ["220", "250", "553", "553", "250", "221"]
    );
}
