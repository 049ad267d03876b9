//! Every control file of qmail-control(5) that the original has, too: missing, empty, with a bad
//! value, unreadable; read by the right program at the right time. One module per reader.

mod inject;
mod remote;
mod send;
mod smtpd;
mod waiting;

use std::collections::BTreeSet;
use std::fs;

use harness::home::Home;

/// What stands in the place of a control file.
#[derive(Clone, Copy)]
enum Is {
    Missing,
    /// This text, as it is.
    Text(&'static str),
    /// Something that is no file: whoever wants to read it cannot.
    Unreadable,
}

/// Puts that in the place of a control file.
fn put(home: &Home, name: &str, is: Is) {
    let path = home.path().join("control").join(name);
    let _ = fs::remove_dir(&path);
    home.no_control(name);
    match is {
        Is::Missing => {}
        Is::Text(text) => drop(home.control(name, text)),
        Is::Unreadable => drop(home.mkdir(&format!("control/{name}"))),
    }
}

/// The forms that hold no number.
const NO_NUMBERS: [Is; 4] = [
    Is::Missing,
    Is::Text(""),
    Is::Text("many\n"),
    Is::Text(" 7\n"),
];

#[test]
fn every_file_of_the_original_is_looked_at_here() {
    let parts = [
        inject::FILES,
        remote::FILES,
        send::FILES,
        smtpd::FILES,
        ELSEWHERE,
    ];
    let looked_at: BTreeSet<&str> = parts.concat().into_iter().collect();
    let all: BTreeSet<&str> = ORIGINAL.into_iter().collect();
    assert_eq!(looked_at, all);
    for name in ORIGINAL {
        assert!(
            control::catalog::find(name).is_some(),
            "{name} is not in the catalog"
        );
    }
}

/// man/qmail_newmrh_8.rs and man/qmail_qmqpc_8.rs
const ELSEWHERE: &[&str] = &["morercpthosts", "qmqpservers"];

const ORIGINAL: [&str; 29] = [
    "me",
    "badmailfrom",
    "bouncefrom",
    "bouncehost",
    "concurrencylocal",
    "concurrencyremote",
    "databytes",
    "defaultdomain",
    "defaulthost",
    "doublebouncehost",
    "doublebounceto",
    "envnoathost",
    "helohost",
    "idhost",
    "localiphost",
    "locals",
    "morercpthosts",
    "morercpthosts.cdb",
    "percenthack",
    "plusdomain",
    "qmqpservers",
    "queuelifetime",
    "rcpthosts",
    "smtpgreeting",
    "smtproutes",
    "timeoutconnect",
    "timeoutremote",
    "timeoutsmtpd",
    "virtualdomains",
];
