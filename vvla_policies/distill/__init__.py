"""Teaching from demonstrations: how they are made (`demos`), read (`data`) and brought into our conventions."""
