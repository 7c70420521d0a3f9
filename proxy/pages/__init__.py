"""The admin's own pages: those that are no table's. A page is a view, a template and a row in `urls.PAGES`."""
