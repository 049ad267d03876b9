//! The table of all control files. `control/README.md` is this table for people, and a test
//! compares the two.

/// How a control file is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// The first line.
    Line,
    /// The number the first line begins with.
    Integer,
    /// Lines, without comments.
    List,
    /// Lines, each `key:value`.
    Map,
    /// A constant database.
    Cdb,
    /// Certificates and private keys.
    Pem,
    /// A directory of such files.
    Directory,
}

impl Form {
    /// The word in README.md and qmail-control(5).
    pub const fn word(self) -> &'static str {
        match self {
            Self::Line => "line",
            Self::Integer => "integer",
            Self::List => "list",
            Self::Map => "map",
            Self::Cdb => "cdb",
            Self::Pem => "pem",
            Self::Directory => "directory",
        }
    }
}

/// When a change of a control file is noticed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reread {
    /// Every process reads it when it starts, and there is one per message or connection.
    EachRun,
    /// A daemon reads it when it starts, and again when it gets HUP.
    OnHangup,
    /// A daemon reads it when it starts, and never again.
    AtRestart,
}

impl Reread {
    /// The words in README.md and qmail-control(5).
    pub const fn words(self) -> &'static str {
        match self {
            Self::EachRun => "each run",
            Self::OnHangup => "HUP",
            Self::AtRestart => "restart",
        }
    }
}

/// One control file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its name in the directory.
    pub name: &'static str,
    /// How it is read.
    pub form: Form,
    /// What holds without it, in words.
    pub default: &'static str,
    /// The programs that read it.
    pub readers: &'static [&'static str],
    /// When a change is noticed.
    pub reread: Reread,
}

/// The entry of a name.
pub fn find(name: &str) -> Option<&'static Entry> {
    CATALOG.iter().find(|entry| entry.name == name)
}

/// Every control file, in the order of README.md.
pub const CATALOG: &[Entry] = &[
    entry(
        "me",
        Form::Line,
        "none",
        &[
            "qmail-inject",
            "qmail-qmtpd",
            "qmail-remote",
            "qmail-send",
            "qmail-smtpd",
        ],
        Reread::EachRun,
    ),
    entry(
        "authmethods",
        Form::Line,
        "LOGIN PLAIN",
        SMTPD,
        Reread::EachRun,
    ),
    entry("badmailfrom", Form::List, "nobody", SMTPD, Reread::EachRun),
    entry("badrcptto", Form::List, "nobody", SMTPD, Reread::EachRun),
    entry(
        "bouncefrom",
        Form::Line,
        "MAILER-DAEMON",
        SEND,
        Reread::AtRestart,
    ),
    entry(
        "bouncehost",
        Form::Line,
        "me, else bouncehost",
        SEND,
        Reread::AtRestart,
    ),
    entry(
        "concurrencyincoming",
        Form::Integer,
        "40",
        RUN_SMTPD,
        Reread::AtRestart,
    ),
    entry(
        "concurrencylocal",
        Form::Integer,
        "10",
        SEND,
        Reread::AtRestart,
    ),
    entry(
        "concurrencyremote",
        Form::Integer,
        "20",
        SEND,
        Reread::AtRestart,
    ),
    entry(
        "databytes",
        Form::Integer,
        "0: no limit",
        SERVERS,
        Reread::EachRun,
    ),
    entry(
        "defaultdelivery",
        Form::Line,
        "./Maildir/",
        RUN_SEND,
        Reread::AtRestart,
    ),
    entry(
        "defaultdomain",
        Form::Line,
        "me, else defaultdomain",
        MAKERS,
        Reread::EachRun,
    ),
    entry(
        "defaulthost",
        Form::Line,
        "me, else defaulthost",
        MAKERS,
        Reread::EachRun,
    ),
    entry(
        "doublebouncehost",
        Form::Line,
        "me, else doublebouncehost",
        SEND,
        Reread::AtRestart,
    ),
    entry(
        "doublebounceto",
        Form::Line,
        "postmaster",
        SEND,
        Reread::AtRestart,
    ),
    entry(
        "envnoathost",
        Form::Line,
        "me, else envnoathost",
        OURS,
        Reread::AtRestart,
    ),
    entry(
        "helohost",
        Form::Line,
        "me, else every delivery is deferred",
        REMOTE,
        Reread::EachRun,
    ),
    entry(
        "idhost",
        Form::Line,
        "me, else idhost",
        MAKERS,
        Reread::EachRun,
    ),
    entry("localiphost", Form::Line, "me", SMTPD, Reread::EachRun),
    entry(
        "locals",
        Form::List,
        "me, else qmail-send does not start",
        OURS,
        Reread::OnHangup,
    ),
    entry("maxerrors", Form::Integer, "100", SMTPD, Reread::EachRun),
    entry(
        "maxrecipients",
        Form::Integer,
        "20000",
        SMTPD,
        Reread::EachRun,
    ),
    entry(
        "morercpthosts",
        Form::List,
        "nothing more than rcpthosts",
        NEWMRH,
        Reread::EachRun,
    ),
    entry(
        "morercpthosts.cdb",
        Form::Cdb,
        "nothing more than rcpthosts",
        SERVERS,
        Reread::EachRun,
    ),
    entry(
        "percenthack",
        Form::List,
        "no domain",
        OURS,
        Reread::AtRestart,
    ),
    entry(
        "plusdomain",
        Form::Line,
        "me, else plusdomain",
        MAKERS,
        Reread::EachRun,
    ),
    entry(
        "qmqpservers",
        Form::List,
        "every message is deferred",
        QMQPC,
        Reread::EachRun,
    ),
    entry(
        "queuelifetime",
        Form::Integer,
        "604800",
        SEND,
        Reread::AtRestart,
    ),
    entry(
        "rcptcheck",
        Form::Line,
        "recipients are not checked",
        SMTPD,
        Reread::EachRun,
    ),
    entry(
        "rcpthosts",
        Form::List,
        "locals and virtualdomains",
        SERVERS,
        Reread::EachRun,
    ),
    entry("relayclients", Form::List, "nobody", SMTPD, Reread::EachRun),
    entry(
        "senders",
        Form::List,
        "every user may send from any address",
        SMTPD,
        Reread::EachRun,
    ),
    entry(
        "servercert.pem",
        Form::Pem,
        "no TLS",
        SMTPD,
        Reread::EachRun,
    ),
    entry(
        "servercerts",
        Form::Directory,
        "servercert.pem for every name",
        SMTPD,
        Reread::EachRun,
    ),
    entry(
        "serverkey.pem",
        Form::Pem,
        "the key in servercert.pem",
        SMTPD,
        Reread::EachRun,
    ),
    entry(
        "smtpdlog",
        Form::Integer,
        "0: decisions are not logged",
        SMTPD,
        Reread::EachRun,
    ),
    entry(
        "smtpgreeting",
        Form::Line,
        "me, else 421 to every client",
        SMTPD,
        Reread::EachRun,
    ),
    entry("smtproutes", Form::Map, "by MX", REMOTE, Reread::EachRun),
    entry(
        "strictpipelining",
        Form::Integer,
        "0: clients may talk out of turn",
        SMTPD,
        Reread::EachRun,
    ),
    entry(
        "timeoutcommand",
        Form::Integer,
        "300",
        SMTPD,
        Reread::EachRun,
    ),
    entry(
        "timeoutconnect",
        Form::Integer,
        "60",
        REMOTE,
        Reread::EachRun,
    ),
    entry(
        "timeoutremote",
        Form::Integer,
        "1200",
        REMOTE,
        Reread::EachRun,
    ),
    entry(
        "timeoutsession",
        Form::Integer,
        "3600",
        SMTPD,
        Reread::EachRun,
    ),
    entry(
        "timeoutsmtpd",
        Form::Integer,
        "1200",
        SMTPD,
        Reread::EachRun,
    ),
    entry("virtualdomains", Form::Map, "none", OURS, Reread::OnHangup),
];

const fn entry(
    name: &'static str,
    form: Form,
    default: &'static str,
    readers: &'static [&'static str],
    reread: Reread,
) -> Entry {
    Entry {
        name,
        form,
        default,
        readers,
        reread,
    }
}

const SEND: &[&str] = &["qmail-send"];
const NEWMRH: &[&str] = &["qmail-newmrh"];
const SMTPD: &[&str] = &["qmail-smtpd"];
const SERVERS: &[&str] = &["qmail-qmtpd", "qmail-smtpd"];
const OURS: &[&str] = &["qmail-qmtpd", "qmail-send", "qmail-smtpd"];
const QMQPC: &[&str] = &["qmail-qmqpc"];
/// The scripts that start the services read these; scripts/install writes them.
const RUN_SEND: &[&str] = &["qmail-send/run"];
const RUN_SMTPD: &[&str] = &["qmail-smtpd/run"];
const REMOTE: &[&str] = &["qmail-remote"];
/// Who completes messages.
const MAKERS: &[&str] = &["qmail-inject", "qmail-smtpd"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn me_is_first_and_the_others_are_in_order() {
        let names: Vec<_> = CATALOG.iter().map(|entry| entry.name).collect();
        assert_eq!(names[0], "me");
        assert!(names[1..].is_sorted(), "{names:?}");
    }

    #[test]
    fn an_entry_is_found_by_name() {
        assert_eq!(find("databytes").map(|e| e.form), Some(Form::Integer));
        assert!(find("databyte").is_none());
    }
}
