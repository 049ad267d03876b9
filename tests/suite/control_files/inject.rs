//! The files of qmail-inject: what it writes behind addresses and into the message identifier.

use harness::home::Home;

use super::{Is, put};

pub(super) const FILES: &[&str] = &["me", "defaultdomain", "defaulthost", "idhost", "plusdomain"];

/// The file, and the variable that overrides it.
const HOSTS: [(&str, &str); 4] = [
    ("defaultdomain", "QMAILDEFAULTDOMAIN"),
    ("defaulthost", "QMAILDEFAULTHOST"),
    ("idhost", "QMAILIDHOST"),
    ("plusdomain", "QMAILPLUSDOMAIN"),
];

/// What qmail-inject writes where this file counts.
#[track_caller]
fn written(home: &Home, name: &str, env: &[(&str, &str)]) -> String {
    let mut run = home.program("qmail-inject").args(["-n"]).env("USER", "u");
    for (variable, value) in env {
        run = run.env(variable, value);
    }
    let message = match name {
        "defaultdomain" => "To: r@h\n\n",
        "defaulthost" => "To: r\n\n",
        "plusdomain" => "To: r@h+\n\n",
        _ => "To: r@h.example\n\n",
    };
    let done = run.stdin(message).output();
    done.assert_exit(0);
    let text = done.stdout_text();
    let field = if name == "idhost" {
        "Message-ID: "
    } else {
        "To: "
    };
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix(field))
        .expect("a field");
    let cut = match name {
        "defaultdomain" | "plusdomain" => "r@h.",
        "defaulthost" => "r@",
        _ => {
            return line
                .rsplit('@')
                .next()
                .expect("a host")
                .trim_end_matches('>')
                .to_owned();
        }
    };
    line.strip_prefix(cut)
        .unwrap_or_else(|| panic!("{name}: {line}"))
        .to_owned()
}

#[test]
fn each_host_is_its_file_else_me_else_its_own_name() {
    for (name, variable) in HOSTS {
        let home = Home::new();
        // A host without a dot gets a domain, which has to be known.
        if name == "defaulthost" {
            home.control("defaultdomain", "domain.example\n");
        }
        let shown = |is| {
            put(&home, name, is);
            written(&home, name, &[])
        };
        assert_eq!(shown(Is::Text("f.example \t\nsecond\n")), "f.example");
        assert_eq!(shown(Is::Missing), "test.example");
        let env = [(variable, "e.example")];
        assert_eq!(written(&home, name, &env), "e.example");
        home.no_control("me");
        let own = if name == "defaulthost" {
            "defaulthost.domain.example"
        } else {
            name
        };
        assert_eq!(shown(Is::Missing), own);
    }
}

#[test]
fn an_empty_file_is_an_empty_host_and_not_the_default() {
    for name in ["defaultdomain", "idhost", "plusdomain"] {
        let home = Home::new();
        put(&home, name, Is::Text(""));
        assert_eq!(written(&home, name, &[]), "", "{name}");
    }
}

#[test]
fn a_file_that_cannot_be_read_defers_the_message() {
    for name in FILES {
        let home = Home::new();
        put(&home, name, Is::Unreadable);
        let run = home.program("qmail-inject").args(["-n"]);
        let done = run.stdin("To: r@h.example\n\n").output();
        done.assert_exit(111);
        assert_eq!(done.stdout_text(), "");
        assert!(
            done.stderr_text().starts_with("qmail-inject: fatal: "),
            "{name}"
        );
    }
}
