"""From a YAML file to frozen, validated settings; every mistake with its line.

::

    loader.load_config   document: text -> nodes;  reader: nodes -> schema;  checks: rules of meaning
    wishes               schema -> the protocol's own settings
    secrets.find_secret  the key, which never stands in the file

The only folder that reads YAML.
"""
