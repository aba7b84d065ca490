"""Specs of NetworkPolicies, and what API server 1.36 says of each; asked of the real one, too."""

REFUSED = {
    "an end port below the port": (
        "ingress: [{ports: [{port: 443, endPort: 80}]}]",
        "spec.ingress[0].ports[0].endPort",
    ),
    "an end port without a port": (
        "ingress: [{ports: [{endPort: 80}]}]",
        "spec.ingress[0].ports[0].endPort",
    ),
    "an end port of a named port": (
        "egress: [{}, {ports: [{port: http, endPort: 80}]}]",
        "spec.egress[1].ports[0].endPort",
    ),
    "an end port that is no port": (
        "ingress: [{ports: [{port: 443, endPort: 65536}]}]",
        "spec.ingress[0].ports[0].endPort",
    ),
    "port 0": ("ingress: [{ports: [{port: 0}]}]", "spec.ingress[0].ports[0].port"),
    "port 65536": ("ingress: [{ports: [{port: 65536}]}]", "spec.ingress[0].ports[0].port"),
    "a number in quotes": ("ingress: [{ports: [{port: '80'}]}]", "spec.ingress[0].ports[0].port"),
    "an empty port name": ("ingress: [{ports: [{port: ''}]}]", "spec.ingress[0].ports[0].port"),
    "a port name of 16": (
        "ingress: [{ports: [{port: abcdefghijklmnop}]}]",
        "spec.ingress[0].ports[0].port",
    ),
    "a port name in capitals": (
        "ingress: [{ports: [{port: HTTP}]}]",
        "spec.ingress[0].ports[0].port",
    ),
    "a port name with two hyphens": (
        "ingress: [{ports: [{port: a--b}]}]",
        "spec.ingress[0].ports[0].port",
    ),
    "a port name that begins with a hyphen": (
        "ingress: [{ports: [{port: -a}]}]",
        "spec.ingress[0].ports[0].port",
    ),
    "an unknown protocol": (
        "ingress: [{ports: [{protocol: ICMP}]}]",
        "spec.ingress[0].ports[0].protocol",
    ),
    "an empty protocol": (
        "ingress: [{ports: [{protocol: ''}]}]",
        "spec.ingress[0].ports[0].protocol",
    ),
    "a peer without a field": ("ingress: [{from: [{}]}]", "spec.ingress[0].from[0]"),
    "a null peer": ("ingress: [{from: [null]}]", "spec.ingress[0].from[0]"),
    "a block and a selector": (
        "egress: [{to: [{ipBlock: {cidr: 10.0.0.0/8}, podSelector: {}}]}]",
        "spec.egress[0].to[0]",
    ),
    "a block without a cidr": (
        "ingress: [{from: [{ipBlock: {}}]}]",
        "spec.ingress[0].from[0].ipBlock.cidr",
    ),
    "an address without a length": (
        "ingress: [{from: [{ipBlock: {cidr: 10.0.0.1}}]}]",
        "spec.ingress[0].from[0].ipBlock.cidr",
    ),
    "a netmask": (
        "ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/255.0.0.0}}]}]",
        "spec.ingress[0].from[0].ipBlock.cidr",
    ),
    "a length of 33": (
        "ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/33}}]}]",
        "spec.ingress[0].from[0].ipBlock.cidr",
    ),
    "host bits": (
        "ingress: [{from: [{ipBlock: {cidr: 10.0.0.1/8}}]}]",
        "spec.ingress[0].from[0].ipBlock.cidr",
    ),
    "leading zeros": (
        "ingress: [{from: [{ipBlock: {cidr: 010.0.0.0/8}}]}]",
        "spec.ingress[0].from[0].ipBlock.cidr",
    ),
    "a length with leading zeros": (
        "ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/08}}]}]",
        "spec.ingress[0].from[0].ipBlock.cidr",
    ),
    "IPv4 in IPv6": (
        "ingress: [{from: [{ipBlock: {cidr: '::ffff:1.2.3.0/120'}}]}]",
        "spec.ingress[0].from[0].ipBlock.cidr",
    ),
    "a block that is no cidr": (
        "ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/x, except: [10.0.0.0/8]}}]}]",
        "spec.ingress[0].from[0].ipBlock.cidr",
    ),
    "no address": (
        "ingress: [{from: [{ipBlock: {cidr: everything}}]}]",
        "spec.ingress[0].from[0].ipBlock.cidr",
    ),
    "a length of many digits": (
        "ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/99999}}]}]",
        "spec.ingress[0].from[0].ipBlock.cidr",
    ),
    "a zone": (
        "ingress: [{from: [{ipBlock: {cidr: 'fe80::%eth0/64'}}]}]",
        "spec.ingress[0].from[0].ipBlock.cidr",
    ),
    "an except outside the cidr": (
        "ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/8, except: [10.1.0.0/16, 11.0.0.0/16]}}]}]",
        "spec.ingress[0].from[0].ipBlock.except[1]",
    ),
    "an except that is the cidr": (
        "ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/8, except: [10.0.0.0/8]}}]}]",
        "spec.ingress[0].from[0].ipBlock.except[0]",
    ),
    "an except above the cidr": (
        "ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/8, except: [0.0.0.0/0]}}]}]",
        "spec.ingress[0].from[0].ipBlock.except[0]",
    ),
    "an except of the other family": (
        "ingress: [{from: [{ipBlock: {cidr: '::/0', except: [10.0.0.0/8]}}]}]",
        "spec.ingress[0].from[0].ipBlock.except[0]",
    ),
    "an except that is no cidr": (
        "ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/8, except: [everything]}}]}]",
        "spec.ingress[0].from[0].ipBlock.except[0]",
    ),
    "an unknown operator": (
        "podSelector: {matchExpressions: [{key: a, operator: Like, values: [b]}]}",
        "spec.podSelector.matchExpressions[0].operator",
    ),
    "In without values": (
        "podSelector: {matchExpressions: [{key: a, operator: In}]}",
        "spec.podSelector.matchExpressions[0].values",
    ),
    "NotIn without values": (
        "ingress: [{from: [{podSelector: {matchExpressions: [{key: a, operator: NotIn}]}}]}]",
        "spec.ingress[0].from[0].podSelector.matchExpressions[0].values",
    ),
    "Exists with values": (
        "podSelector: {matchExpressions: [{key: a, operator: Exists, values: [b]}]}",
        "spec.podSelector.matchExpressions[0].values",
    ),
    "an expression without a key": (
        "podSelector: {matchExpressions: [{operator: Exists}]}",
        "spec.podSelector.matchExpressions[0].key",
    ),
    "an expression with a bad key": (
        "podSelector: {matchExpressions: [{key: a b, operator: Exists}]}",
        "spec.podSelector.matchExpressions[0].key",
    ),
    "an expression with a bad value": (
        "podSelector: {matchExpressions: [{key: a, operator: In, values: [b, c d]}]}",
        "spec.podSelector.matchExpressions[0].values[1]",
    ),
    "a label with two slashes": (
        "podSelector: {matchLabels: {a/b/c: d}}",
        "spec.podSelector.matchLabels[a/b/c]",
    ),
    "a label with a prefix in capitals": (
        "podSelector: {matchLabels: {A.example/b: d}}",
        "spec.podSelector.matchLabels[A.example/b]",
    ),
    "a label value that ends with a dot": (
        "ingress: [{from: [{namespaceSelector: {matchLabels: {a: b.}}}]}]",
        "spec.ingress[0].from[0].namespaceSelector.matchLabels[a]",
    ),
    "a label value of 64": (
        f"podSelector: {{matchLabels: {{a: {'x' * 64}}}}}",
        "spec.podSelector.matchLabels[a]",
    ),
    "a number as a label value": (
        "podSelector: {matchLabels: {a: 1}}",
        "spec.podSelector.matchLabels[a]",
    ),
    "a plain yes as a label value": (
        "podSelector: {matchLabels: {a: yes}}",
        "spec.podSelector.matchLabels[a]",
    ),
    "an unknown policy type": ("policyTypes: [Ingress, ingress]", "spec.policyTypes[1]"),
    "three policy types": ("policyTypes: [Ingress, Ingress, Egress]", "spec.policyTypes"),
    "ingress as a mapping": ("ingress: {}", "spec.ingress"),
}
"""What the server refuses, with the field that the gap must name."""

ACCEPTED = {
    "nothing": "",
    "null in place of absent fields": "podSelector: null, ingress: null, policyTypes: null",
    "a null rule": "ingress: [null]",
    "a null port": "ingress: [{ports: [null]}]",
    "a null value": "podSelector: {matchExpressions: [{key: a, operator: In, values: [null]}]}",
    "a null label value": "podSelector: {matchLabels: {a: null}}",
    "a null block beside a selector": "ingress: [{from: [{ipBlock: null, podSelector: {}}]}]",
    "a port range": "ingress: [{ports: [{port: 80, endPort: 80}, {port: 1, endPort: 65535}]}]",
    "a port as a decimal number": "ingress: [{ports: [{port: 80.0}]}]",
    "an octal port": "ingress: [{ports: [{port: 0644}]}]",
    "named ports": "ingress: [{ports: [{port: http-1}, {port: 8080-tcp, protocol: SCTP}]}]",
    "the same policy type twice": "policyTypes: [Egress, Egress]",
    "every address of both families": (
        "egress: [{to: [{ipBlock: {cidr: 0.0.0.0/0}}, {ipBlock: {cidr: '::/0'}}]}]"
    ),
    "a cidr that is not canonical": "ingress: [{from: [{ipBlock: {cidr: 'FE80:0::/64'}}]}]",
    "excepts": ("egress: [{to: [{ipBlock: {cidr: 0.0.0.0/0, except: [10.0.0.0/8, 10.0.0.0/8]}}]}]"),
    "long labels": f"podSelector: {{matchLabels: {{example.com/{'k' * 63}: {'v' * 63}}}}}",
    "an empty label value": "podSelector: {matchLabels: {a: ''}}",
    "keys that are no text": "podSelector: {matchLabels: {1: a, on: b}}",
    "dates and versions": "podSelector: {matchLabels: {a: 2026-01-02, b: 1.2.3, c: 1e999}}",
}
"""What the server accepts."""
