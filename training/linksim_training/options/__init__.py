"""Groups of settings of the trainer; `linksim train --help` shows them one by one."""
