//! The grammars of the hosts, written down strictly for the tests. It knows no printer.
