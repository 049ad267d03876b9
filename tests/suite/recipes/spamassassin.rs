//! doc/spamassassin.md: spam is filed as spam, and while spamd is stopped mail waits: none is lost,
//! none is sent back, none gets past the filter.

use std::fs;
use std::process::Command;

use harness::daemons::Daemons;
use nix::sys::signal::Signal;

use super::page::Page;
use super::place::{
    Place, Service, assert_nobody_is_root, cover, expect_deferral, give, is_inside, run,
};
use super::procmail::PLAIN;
use crate::man::vpopmail_domain::Domain;

/// The text that every SpamAssassin takes for spam, so that it can be tried out.
const GTUBE: &str = "Subject: buy\n\n\
    XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X\n";

/// spamc's configuration as on the page, and a directory of its own for spamd.
fn configure(page: &Page) {
    let scratch = std::env::temp_dir();
    let etc = scratch.join("spamassassin");
    run(Command::new("cp")
        .arg("-r")
        .arg("/etc/spamassassin")
        .arg(&etc));
    let text = page.block("/etc/spamassassin/spamc.conf");
    fs::write(etc.join("spamc.conf"), text).expect("spamc.conf");
    cover("/etc/spamassassin", &etc);
    let state = scratch.join("spamd-state");
    fs::create_dir(&state).expect("a directory");
    give(&state, "debian-spamd");
    cover("/var/lib/spamassassin", &state);
}

fn spamd(place: &Place, page: &Page) -> Service {
    place.service(&page.block("/etc/qmail/spamd/run"), 7830)
}

/// With spamd stopped, one message of each kind waits; with spamd running, `sorted` sees where they
/// went; stopped again, the next one waits.
fn check(place: &Place, page: &Page, recipient: &str, sorted: impl Fn() -> (usize, usize)) {
    let daemons = place.home.start_daemons();
    place.send(recipient, PLAIN);
    expect_deferral(&daemons, 1);
    place.send(recipient, GTUBE);
    expect_deferral(&daemons, 2);
    assert_eq!(sorted(), (0, 0));
    let mut service = spamd(place, page);
    again(&daemons);
    daemons.wait_for_lines("end msg", 2);
    assert_eq!(sorted(), (1, 1), "{}", daemons.log());
    place.send(recipient, GTUBE);
    daemons.wait_for_lines("end msg", 3);
    assert_eq!(sorted(), (1, 2));
    assert_nobody_is_root();
    service.stop();
    place.send(recipient, PLAIN);
    expect_deferral(&daemons, 3);
    assert_eq!(sorted(), (1, 2));
    assert_eq!(harness::tree::look(place.home.path()).in_queue().len(), 1);
}

/// SIGALRM: try everything at once.
fn again(daemons: &Daemons<'_>) {
    daemons.signal("qmail-send", Signal::SIGALRM);
}

fn in_folders(place: &Place) -> (usize, usize) {
    let ham = place.mail("Maildir");
    let spam = place.mail("Maildir/.Spam");
    for text in &ham {
        assert!(
            text.contains("\nX-Spam-Status: No") && text.contains("Shall we"),
            "{text}"
        );
    }
    for text in &spam {
        assert!(text.contains("\nX-Spam-Flag: YES\n"), "{text}");
    }
    (ham.len(), spam.len())
}

/// "Before procmail"
#[test]
fn procmail_asks_spamd() {
    let needed = ["procmail", "spamc", "spamd"];
    if !is_inside("recipes::spamassassin::procmail_asks_spamd", &needed) {
        return;
    }
    let place = Place::new();
    let page = Page::read("spamassassin.md");
    configure(&page);
    for name in ["~/.qmail", "~/.procmailrc"] {
        place.file(name, &page.block(name));
    }
    check(&place, &page, "joe@test.example", || in_folders(&place));
}

/// "In a .qmail file"
#[test]
fn a_dot_qmail_line_asks_spamd() {
    let needed = ["maildrop", "spamc", "spamd"];
    if !is_inside(
        "recipes::spamassassin::a_dot_qmail_line_asks_spamd",
        &needed,
    ) {
        return;
    }
    let place = Place::new();
    let page = Page::read("spamassassin.md");
    configure(&page);
    place.file("~/.qmail", &page.block(".qmail with maildrop"));
    place.file("~/.mailfilter", &page.block("~/.mailfilter"));
    place.mode(".mailfilter", 0o600);
    let folder = place.path("Maildir/.Spam");
    place
        .home
        .program("maildirmake")
        .args([&folder])
        .output()
        .assert_exit(0);
    check(&place, &page, "joe@test.example", || in_folders(&place));
}

/// "In a vpopmail domain": a plain pipe, since vdelivermail refuses an empty message.
#[test]
fn a_vpopmail_domain_asks_spamd() {
    let needed = ["spamc", "spamd"];
    if !is_inside(
        "recipes::spamassassin::a_vpopmail_domain_asks_spamd",
        &needed,
    ) {
        return;
    }
    let page = Page::read("spamassassin.md");
    configure(&page);
    let place = Place::new();
    let domain = Domain::at(&place.home);
    domain.receive(&place.in_place(&page.block(".qmail-default")));
    check(&place, &page, "joe@dom.example", || {
        let mail = domain.mail("joe");
        let is_spam = |text: &&String| text.contains("\nX-Spam-Flag: YES\n");
        let spam = mail.iter().filter(is_spam).count();
        (mail.len() - spam, spam)
    });
}

/// "By default spamc then passes the message through unmarked"; "70 sends the mail back"
#[test]
fn spamc_fails_as_the_page_says() {
    if !is_inside(
        "recipes::spamassassin::spamc_fails_as_the_page_says",
        &["spamc"],
    ) {
        return;
    }
    configure(&Page::read("spamassassin.md"));
    let place = Place::new();
    let spamc = |words: &[&str]| {
        let run = place.home.foreign("/usr/bin/spamc").args(words);
        run.stdin(PLAIN).output()
    };
    let through = spamc(&[]);
    through.assert_exit(0);
    assert_eq!(through.stdout, PLAIN.as_bytes());
    for (words, code) in [
        (&["-x", "-X"][..], 75),
        (&["-x", "-X", "-U", "/nowhere/spamd"], 70),
    ] {
        let refused = spamc(words);
        refused.assert_exit(code);
        assert_eq!(refused.stdout, b"");
    }
    assert!([69, 70].contains(&spamc(&["-x"]).code().expect("a code")));
}
