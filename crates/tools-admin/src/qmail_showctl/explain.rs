//! What qmail-showctl says about each control file. People and programs read these words: those of
//! the original's files are its own, with one exception (README, differences).

/// What is said about one file: each value stands between `before` and `after`.
pub(super) struct Text {
    pub(super) name: &'static str,
    pub(super) words: Words,
    pub(super) before: &'static str,
    pub(super) after: &'static str,
}

/// The form of a file, and what holds without it.
pub(super) enum Words {
    /// The first line, else this.
    Line { default: &'static str },
    /// The first line, else that of `me`, else this.
    LineOrMe { default: &'static str },
    /// A number, else this.
    Integer { default: &'static str },
    /// Line by line, else this sentence.
    List { none: &'static str },
}

/// What is said about morercpthosts.
pub(super) struct MoreHosts {
    pub(super) beside: Text,
    pub(super) alone: Text,
}

const fn line(name: &'static str, default: &'static str, before: &'static str) -> Text {
    let words = Words::Line { default };
    Text {
        name,
        words,
        before,
        after: "",
    }
}

const fn or_me(name: &'static str, before: &'static str) -> Text {
    let words = Words::LineOrMe { default: name };
    Text {
        name,
        words,
        before,
        after: "",
    }
}

const fn integer(
    name: &'static str,
    default: &'static str,
    before: &'static str,
    after: &'static str,
) -> Text {
    let words = Words::Integer { default };
    Text {
        name,
        words,
        before,
        after,
    }
}

const fn list(
    name: &'static str,
    none: &'static str,
    before: &'static str,
    after: &'static str,
) -> Text {
    let words = Words::List { none };
    Text {
        name,
        words,
        before,
        after,
    }
}

pub(super) const BEFORE_THE_HOSTS: &[Text] = &[
    list(
        "badmailfrom",
        "Any MAIL FROM is allowed.",
        "",
        " not accepted in MAIL FROM.",
    ),
    line("bouncefrom", "MAILER-DAEMON", "Bounce user name is "),
    or_me("bouncehost", "Bounce host name is "),
    integer("concurrencylocal", "10", "Local concurrency is ", ""),
    integer("concurrencyremote", "20", "Remote concurrency is ", ""),
    integer("databytes", "0", "SMTP DATA limit is ", " bytes"),
    or_me("defaultdomain", "Default domain name is "),
    or_me("defaulthost", "Default host name is "),
    or_me("doublebouncehost", "2B recipient host: "),
    line("doublebounceto", "postmaster", "2B recipient user: "),
    or_me("envnoathost", "Presumed domain name is "),
    or_me("helohost", "SMTP client HELO host name is "),
    or_me("idhost", "Message-ID host name is "),
    or_me("localiphost", "Local IP address becomes "),
    list(
        "locals",
        "Messages for me are delivered locally.",
        "Messages for ",
        " are delivered locally.",
    ),
    line("me", "undefined! Uh-oh", "My name is "),
    list(
        "percenthack",
        "The percent hack is not allowed.",
        "The percent hack is allowed for user%host@",
        ".",
    ),
    or_me("plusdomain", "Plus domain name is "),
    list("qmqpservers", "No QMQP servers.", "QMQP server: ", "."),
    integer(
        "queuelifetime",
        "604800",
        "Message lifetime in the queue is ",
        " seconds",
    ),
];

/// Without it the original is open to the world, and says so. We are not.
pub(super) const RCPTHOSTS: Text = list(
    "rcpthosts",
    "SMTP clients may send messages to recipients in locals and virtualdomains.",
    RECIPIENTS_AT,
    ".",
);

pub(super) const MORE_HOSTS: MoreHosts = MoreHosts {
    beside: list("morercpthosts", "No effect.", RECIPIENTS_AT, "."),
    alone: list(
        "morercpthosts",
        "No rcpthosts; morercpthosts is irrelevant.",
        "No rcpthosts; doesn't matter that morercpthosts has ",
        ".",
    ),
};

pub(super) const AFTER_THE_HOSTS: &[Text] = &[
    or_me("smtpgreeting", "SMTP greeting: 220 "),
    list(
        "smtproutes",
        "No artificial SMTP routes.",
        "SMTP route: ",
        "",
    ),
    integer(
        "timeoutconnect",
        "60",
        "SMTP client connection timeout is ",
        " seconds",
    ),
    integer(
        "timeoutremote",
        "1200",
        "SMTP client data timeout is ",
        " seconds",
    ),
    integer(
        "timeoutsmtpd",
        "1200",
        "SMTP server data timeout is ",
        " seconds",
    ),
    list(
        "virtualdomains",
        "No virtual domains.",
        "Virtual domain: ",
        "",
    ),
];

/// Files that the original does not have; what may hold a key is only mentioned.
pub(super) const OURS: &[Text] = &[
    line("authmethods", "LOGIN PLAIN", "SMTP AUTH methods: "),
    list(
        "badrcptto",
        "Any RCPT TO is allowed that goes to a host we take mail for.",
        "",
        " not accepted in RCPT TO.",
    ),
    integer(
        "concurrencyincoming",
        "40",
        "Incoming SMTP concurrency is ",
        "",
    ),
    line(
        "defaultdelivery",
        "./Maildir/",
        "Default delivery instruction is ",
    ),
    integer(
        "maxerrors",
        "100",
        "SMTP sessions end after ",
        " refused commands",
    ),
    integer(
        "maxrecipients",
        "20000",
        "SMTP messages may have ",
        " recipients",
    ),
    line("rcptcheck", "nobody", "Local recipients are checked by "),
    list(
        "relayclients",
        "No SMTP client may send messages to any recipient because of its address.",
        "SMTP clients at ",
        " may send messages to any recipient.",
    ),
    list(
        "senders",
        "Authenticated users may send from any address.",
        "Authenticated users and their addresses: ",
        "",
    ),
    integer(
        "smtpdlog",
        "0",
        "SMTP decisions are logged if this is not 0: ",
        "",
    ),
    integer(
        "strictpipelining",
        "0",
        "SMTP clients that talk out of turn are sent away if this is not 0: ",
        "",
    ),
    integer(
        "timeoutcommand",
        "300",
        "SMTP command timeout is ",
        " seconds",
    ),
    integer(
        "timeoutsession",
        "3600",
        "SMTP session timeout is ",
        " seconds",
    ),
];

const RECIPIENTS_AT: &str = "SMTP clients may send messages to recipients at ";
